import { mount } from 'svelte'
import { live } from '../protocol.ts'
import App from './App.svelte'
import { api, giveBack } from './api.ts'
import { Chat } from './chat/chat.svelte.ts'
import { Connection } from './chat/connection.ts'
import { meetHost, pageView, readStart } from './host.ts'
import { type Keep, openKeep } from './keep.ts'
import { Panel } from './panel.svelte.ts'
import './style/tokens.css'
import './style/app.css'
import { chooseLanguage, direction, locale } from './words.ts'

const { siteKey, hostOrigin, brand, theme } = readStart(location)
const root = document.documentElement

// By the style object, never by markup: the page's own policy forbids inline styles.
const dress = (colour: string, wanted: typeof theme) => {
  root.style.setProperty('--site', colour)
  if (wanted !== 'system') root.dataset.theme = wanted
}
dress(brand, theme)

const begin = () => {
  root.lang = locale
  root.dir = direction

  const panel = new Panel()
  let chat: Chat | undefined
  let keep: Keep | undefined
  let hostChanged: (kept: string | null) => void = () => {}

  const host = meetHost(hostOrigin, (message) => {
    switch (message.foyer) {
      case 'init': {
        if (chat) return
        const opened = openKeep({
          siteKey,
          kept: message.kept,
          toHost: (value) => host.tell({ foyer: 'keep', value }),
          onchange: () => chat?.keptElsewhere(),
        })
        keep = opened.keep
        hostChanged = opened.hostChanged
        chat = new Chat({
          siteKey,
          keep: opened.keep,
          api,
          connect: (options) => new Connection(options),
          tell: host.tell,
          languages: navigator.languages,
        })
        if (message.identity) chat.identify(message.identity)
        chat.visit.resume = message.resume
        chat.looksAt(pageView(message.page))
        panel.full = message.full
        // A chat goes on: what shows it comes while Foyer is asked who this is.
        if (message.kept?.startsWith(live)) void panel.rooms.fetch()
        panel.begin(chat, opened.keep, host.tell)
        if (message.open) panel.opens(message.focus)
        else if (message.begin) void chat.visit.begin()
        return
      }
      case 'open':
        return panel.opens(message.focus)
      case 'close':
        return panel.closes()
      case 'full':
        panel.full = message.full
        return
      case 'page':
        return chat?.looksAt(pageView(message.page))
      case 'identify':
        return chat?.identify(message.identity)
      case 'consent':
        return chat?.consent(message.given)
      case 'forget': {
        const token = keep?.get('token')
        if (token) giveBack(token)
        // What is on its way must not write down anything any more.
        chat = undefined
        keep?.clear()
        return location.reload()
      }
      case 'kept':
        return hostChanged(message.kept)
      default:
        message satisfies never
    }
  })

  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') chat?.wakes()
    else chat?.writing.rests()
  })

  mount(App, { target: document.body, props: { panel, dress } })
}

// Not awaited at the top: no other part could then share code with this one.
void chooseLanguage(navigator.languages).then(begin)
