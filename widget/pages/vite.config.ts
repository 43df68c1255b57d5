import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

const folder = import.meta.dirname

/** The pages of a booking and of a meeting. Built by themselves, so that the widget, which most visitors load without
 *  ever seeing them, shares no file with them. */
export default defineConfig({
  root: folder,
  base: '/widget/pages/',
  publicDir: false,
  plugins: [svelte({ configFile: false, compilerOptions: { discloseVersion: false } })],
  build: {
    outDir: `${folder}/../../dist/pages`,
    emptyOutDir: true,
    modulePreload: false,
    target: ['chrome123', 'firefox128', 'safari18'],
    reportCompressedSize: false,
    rolldownOptions: { input: `${folder}/index.html` },
  },
})
