import type { LauncherConfig } from '#core/contracts/widget.ts'
import type { ChatEvent, FrameStart, FromFrame, HostPage, ToFrame } from '../protocol.ts'
import { forget, live } from '../protocol.ts'
import { button, element, icon } from './draw.ts'
import { styles } from './styles.ts'

type Call = [name: string, ...args: unknown[]]

// The iframe is absent until the visitor presses the launcher, the page gives consent, or this browser has a chat that
// goes on. It says hello when its app runs, is answered with init, and from then on told of every change.
const start = (script: HTMLScriptElement, key: string, queued: Call[]) => {
  const foyer = new URL(script.src).origin
  const name = `foyer:${key}`
  const site = encodeURIComponent(key)
  const events = new EventTarget()
  const phone = matchMedia('(max-width:479.98px)')
  const view = visualViewport as VisualViewport
  let config: LauncherConfig | undefined
  let frame: HTMLIFrameElement | undefined
  let greeted = false
  // The link of a mail that leads back into a chat. What is in it is nobody else's business.
  const [href, resume] = location.href.split(/[#&]foyer-chat=/)
  if (resume) history.replaceState(history.state, '', href)
  let isOpen = !!resume
  let consented = false
  let identity: string | null = null
  // A panel that came back by itself after a page change: the first press on the launcher moves into it.
  let untouched = false

  // Nothing is kept before the chat was opened or the page gave consent: only then does the frame ask for it.
  const kept = () => {
    try {
      return localStorage[name] ?? ''
    } catch {
      // Refused: the frame keeps what it can.
      return null
    }
  }
  const keep = (value: string) => {
    try {
      if (value) localStorage[name] = value
      else delete localStorage[name]
    } catch {
      // Refused or full: the frame has its own copy for as long as this page lives.
    }
  }
  const goesOn = () => kept()?.[0] === live

  const emit = (event: ChatEvent, conversationId: string | null = null) =>
    events.dispatchEvent(new CustomEvent(event, { detail: { conversationId } }))
  const tell = (message: ToFrame) => greeted && frame?.contentWindow?.postMessage(message, foyer)

  const page = (): HostPage => [location.href, document.title, document.referrer]

  const host = element('foyer-widget' as 'div', '')
  const panel = element('div', 'panel')
  const count = element('span', 'count')
  // The name is fixed, since people and docs call it that; what the site calls it shows when the pointer rests there.
  const launch = button(
    'launch',
    'Open chat',
    () => (isOpen && !untouched ? close() : open()),
    icon('chat'),
    icon('cross'),
    count,
  )
  const box = element('div', '', panel, launch)
  const bubble = element('div', 'poke')

  const load = () => {
    if (frame || !config) return
    const begin: FrameStart = [location.origin, config.brandColour, config.theme]
    frame = element('iframe', '')
    frame.title = 'Chat'
    frame.src = `${foyer}/widget/frame?site=${site}#${encodeURIComponent(JSON.stringify(begin))}`
    // Until the app is there, its own way out is not: `leave` stands in for it.
    panel.append(frame, leave)
  }
  const show = (opened: boolean) => {
    bubble.remove()
    isOpen = opened
    box.classList.toggle('open', opened)
    launch.ariaExpanded = `${opened}`
    emit(opened ? 'opened' : 'closed')
  }
  const open = () => {
    const focus = !!navigator.userActivation?.isActive
    untouched = !focus
    load()
    if (!isOpen) show(true)
    if (focus) frame?.focus()
    tell({ foyer: 'open', focus })
  }
  const close = () => {
    if (!isOpen) return
    if (document.activeElement === host) launch.focus()
    show(false)
    tell({ foyer: 'close' })
  }
  const leave = button('x', 'Close chat', close, icon('cross'))
  const dismiss = () => {
    bubble.remove()
    launch.focus()
  }
  const consent = (given: boolean) => {
    consented = given
    if (given) load()
    else if (!frame && kept()) keep(forget)
    tell({ foyer: 'consent', given })
  }

  launch.onpointerdown = load
  box.onkeydown = ({ key }) => {
    if (key !== 'Escape') return
    dismiss()
    close()
  }

  // On a phone the keyboard covers the bottom of the window without making it smaller.
  const measure = () => {
    host.style.cssText = `--brand:${config?.brandColour};--height:${view.height}px;--top:${view.offsetTop}px`
  }

  addEventListener('message', ({ source, origin, data }: MessageEvent<FromFrame>) => {
    if (!frame || source !== frame.contentWindow || origin !== foyer) return
    if (data.foyer === 'hello') {
      greeted = true
      leave.remove()
      tell({
        foyer: 'init',
        page: page(),
        begin: isOpen || consented || goesOn(),
        open: isOpen,
        focus: !untouched,
        full: phone.matches,
        kept: kept(),
        identity,
        resume,
      })
    }
    if (data.foyer === 'close') close()
    if (data.foyer === 'keep') keep(data.value)
    if (data.foyer === 'reopen' && !isOpen) open()
    if (data.foyer === 'event') emit(data.event, data.conversationId)
    if (data.foyer === 'unread') {
      const unread = data.count || ''
      count.textContent = `${unread}`
      launch.ariaDescription = unread ? `${unread} unread` : null
    }
  })
  addEventListener('storage', (event) => {
    if (event.key !== name) return
    if (goesOn()) load()
    tell({ foyer: 'kept', kept: kept() })
  })

  let at = location.href
  // Single-page applications set the title a little after the address, and may replace the whole body.
  const moved = () =>
    setTimeout(() => {
      if (config && !host.isConnected) {
        // An iframe that moves begins anew.
        greeted = false
        document.body.append(host)
      }
      if (at === location.href) return
      at = location.href
      tell({ foyer: 'page', page: page() })
    }, 300)
  addEventListener('popstate', moved)
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name]
    history[name] = function (...args) {
      original.apply(this, args)
      moved()
    }
  }

  let pauseMs = 1000
  const begin = async () => {
    const answer = await fetch(`${foyer}/api/v1/widget/sites/${site}`, { credentials: 'omit' }).catch(
      () => null,
    )
    if (!answer?.ok) {
      if (answer && answer.status < 429) console.warn('Foyer: unknown site key')
      else {
        pauseMs *= 2
        setTimeout(begin, pauseMs)
      }
      return
    }
    const settings: LauncherConfig = await answer.json()
    const { position, launcherLabel, theme, poke } = settings
    config = settings
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(styles)
    const root = host.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [sheet]
    root.append(box)
    box.className = position
    box.style.colorScheme = theme === 'system' ? 'light dark' : theme
    launch.title = launcherLabel
    launch.ariaExpanded = 'false'
    measure()
    view.onresize = view.onscroll = measure
    phone.onchange = () => tell({ foyer: 'full', full: phone.matches })
    document.body.append(host)
    emit('ready')

    if (isOpen) {
      show(true)
      open()
    } else if (consented || goesOn()) load()
    else if (poke) {
      setTimeout(() => {
        if (isOpen) return
        bubble.role = 'status'
        box.prepend(bubble)
        bubble.append(button('', null, open, poke.text), button('x', 'Dismiss', dismiss, icon('cross')))
        emit('triggered')
      }, poke.afterMs)
    }
  }

  const api = {
    open() {
      if (config) open()
      else isOpen = true
    },
    close,
    consent,
    identify(jwt: string) {
      identity = jwt
      tell({ foyer: 'identify', identity })
    },
    forget() {
      identity = null
      close()
      // First, while the frame still knows the token that it gives back.
      tell({ foyer: 'forget' })
      consent(false)
    },
    on: (event: ChatEvent, listener: (event: Event) => void) => events.addEventListener(event, listener),
    push(...calls: Call[]) {
      for (const [name, ...args] of calls)
        (api as unknown as Record<string, (...a: unknown[]) => void>)[name]?.(...args)
    },
  }
  ;(window as unknown as { Foyer: typeof api }).Foyer = api
  api.push(...queued)

  // After the page has loaded, and then when the browser has nothing better to do, which on some pages is never.
  const idle = () =>
    window.requestIdleCallback ? window.requestIdleCallback(begin, { timeout: 2000 }) : setTimeout(begin)
  if (document.readyState === 'complete') idle()
  else addEventListener('load', idle)
}

const script = document.currentScript as HTMLScriptElement | null
const key = script?.dataset.site || (script && new URL(script.src).searchParams.get('site'))
const before: unknown = (window as unknown as { Foyer?: unknown }).Foyer
if (!before || Array.isArray(before)) {
  if (script && key) start(script, key, (before as Call[] | undefined) ?? [])
  else console.warn('Foyer: no site key')
}
