import { svelte } from '@sveltejs/vite-plugin-svelte'
import { build, defineConfig, type Plugin } from 'vite'

const folder = import.meta.dirname

/** The loader goes to pages of other sites as one classic script that stands alone, so it is bundled by itself. */
const loader = (): Plugin => ({
  name: 'foyer:loader',
  async generateBundle() {
    const built = await build({
      configFile: false,
      logLevel: 'error',
      publicDir: false,
      build: {
        write: false,
        rolldownOptions: { input: `${folder}/loader/main.ts`, output: { format: 'iife' } },
      },
    })
    const [result] = [built].flat()
    if (!result || !('output' in result)) throw new Error('The loader was not built')
    this.emitFile({ type: 'asset', fileName: 'widget.js', source: result.output[0].code })
  },
})

/** `npx vite build -c widget/vite.config.ts` makes dist/widget: widget.js, frame.html and what the frame loads. */
export default defineConfig({
  root: `${folder}/app`,
  base: '/widget/',
  publicDir: false,
  plugins: [
    svelte({
      configFile: false,
      compilerOptions: {
        discloseVersion: false,
        // Every byte here is paid by a visitor; the hash only has to differ between two dozen components.
        cssHash: ({ hash, css }) => `s${hash(css).slice(0, 4)}`,
      },
    }),
    loader(),
  ],
  build: {
    outDir: `${folder}/../dist/widget`,
    emptyOutDir: true,
    modulePreload: false,
    // For tests/support/widget-size.ts: what an opening panel loads, and what comes later.
    manifest: true,
    // The first browsers with light-dark() and relative colours, so that nothing is rewritten for those before.
    target: ['chrome123', 'firefox128', 'safari18'],
    reportCompressedSize: false,
    rolldownOptions: { input: `${folder}/app/frame.html` },
  },
})
