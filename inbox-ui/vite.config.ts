import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const core = process.env.FOYER_PUBLIC_URL ?? 'http://127.0.0.1:3000'

/** `vite build --config inbox-ui/vite.config.ts` makes dist/inbox; `vite --config …` serves it with live reload in
 *  front of a Foyer that runs on FOYER_PUBLIC_URL. */
export default defineConfig({
  root: here('.'),
  base: '/inbox/',
  plugins: [svelte({ configFile: false })],
  build: {
    outDir: here('../dist/inbox'),
    emptyOutDir: true,
    target: 'es2023',
    // the page's policy allows no data: fonts or scripts
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': core, '/demo': core, '/widget': core, '/ws': { target: core, ws: true } } },
})
