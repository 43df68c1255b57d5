import { mount } from 'svelte'
import { loadWords } from '../app/booking/words.ts'
import { chooseLanguage, direction, locale } from '../app/words.ts'
import '../app/style/tokens.css'
import '../app/style/app.css'
import '../app/style/rooms.css'
import Page from './Page.svelte'
import './pages.css'

// /book/:token and /meeting/:token: the card of the widget, with nothing around it
const [, kind, token = ''] = location.pathname.split('/')
const place = kind === 'meeting' ? { meeting: token } : { share: token }

const begin = async () => {
  await chooseLanguage(navigator.languages)
  await loadWords()
  document.documentElement.lang = locale
  document.documentElement.dir = direction
  const target = document.createElement('main')
  document.body.append(target)
  mount(Page, { target, props: { place } })
}

void begin()
