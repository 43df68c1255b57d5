import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

const folder = import.meta.dirname

/** Two builds into one folder: the loader as one classic script that stands alone, and the app with its frame.html.
 *  `npx vite build -c widget/vite.config.ts` makes both. */
export default defineConfig({
  root: `${folder}/app`,
  base: '/widget/',
  publicDir: false,
  plugins: [
    svelte({
      compilerOptions: {
        discloseVersion: false,
        // Every byte here is paid by a visitor; the hash only has to differ between two dozen components.
        cssHash: ({ hash, css }) => `s${hash(css).slice(0, 4)}`,
      },
    }),
  ],
  builder: {
    async buildApp(builder) {
      for (const name of ['client', 'loader']) {
        const environment = builder.environments[name]
        if (environment) await builder.build(environment)
      }
    },
  },
  environments: {
    client: {
      build: {
        outDir: `${folder}/../dist/widget`,
        emptyOutDir: true,
        modulePreload: { polyfill: false },
        // The first browsers with light-dark(), so that nothing is rewritten for those before.
        target: ['chrome123', 'firefox128', 'safari17.5'],
        reportCompressedSize: false,
        rolldownOptions: { input: `${folder}/app/frame.html` },
      },
    },
    loader: {
      consumer: 'client',
      build: {
        outDir: `${folder}/../dist/widget`,
        emptyOutDir: false,
        reportCompressedSize: false,
        rolldownOptions: {
          input: `${folder}/loader/main.ts`,
          output: { format: 'iife', entryFileNames: 'widget.js' },
        },
      },
    },
  },
})
