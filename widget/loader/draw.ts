/** The few things drawn into the host page. No markup strings: a page may require Trusted Types. */

const icons = {
  chat: 'M20.5 12a8 8 0 0 1-11.6 7.1L4 20.5l1.4-4.7A8 8 0 1 1 20.5 12z',
  cross: 'M6 6l12 12M18 6 6 18',
}
const shape = (name: string, attribute: string, value: string) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  made.setAttribute(attribute, value)
  return made
}
/** 24 by 24, in the colour of the text. */
export const icon = (name: keyof typeof icons) => {
  const svg = shape('svg', 'viewBox', '0 0 24 24')
  svg.append(shape('path', 'd', icons[name]))
  return svg
}

/** A string inside becomes text, never markup. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...inside: (Node | string)[]
) => {
  const made = document.createElement(tag)
  made.className = className
  made.append(...inside)
  return made
}

export const button = (
  className: string,
  name: string | null,
  onclick: () => void,
  ...inside: (Node | string)[]
) => {
  const made = element('button', className, ...inside)
  made.type = 'button'
  made.ariaLabel = name
  made.onclick = onclick
  return made
}
