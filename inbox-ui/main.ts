import { mount } from 'svelte'
import App from './app/App.svelte'
import { App as AppState } from './app/app.svelte.ts'
import { languageFor } from './messages/language.ts'

const target = document.getElementById('app')
if (!target) throw new Error('The page has no place for the app')

mount(App, { target, props: { app: new AppState({ language: await languageFor(navigator.languages) }) } })
