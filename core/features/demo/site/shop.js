// The widget's JavaScript API as a shop would use it: calls made before the widget is there are kept for it.
for (const opener of document.querySelectorAll('[data-opens-chat]')) {
  opener.addEventListener('click', () => {
    window.Foyer ??= []
    window.Foyer.push(['open'])
  })
}

const strip = document.querySelector('.strip')
strip.querySelector('button').addEventListener('click', () => strip.remove())
