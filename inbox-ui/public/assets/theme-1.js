// Files in assets/ are cached for good: a change needs a new number in the name.
// Runs before the first paint, so that a chosen theme does not flash; kept apart because the page allows no inline script.
try {
  const theme = localStorage.getItem('foyer.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // no storage: the system's theme holds
}
