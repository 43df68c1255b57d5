import { loadWords } from './words.ts'

// What only those load who are shown a card: see `Later`.
await loadWords()

export { default as BookingCard } from './BookingCard.svelte'
