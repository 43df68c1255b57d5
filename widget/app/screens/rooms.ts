// What is behind the first screen, as one part: see `Later`.
import '../style/rooms.css'

export { default as Book } from './Book.svelte'
export { default as Conversation } from './Conversation.svelte'
export { default as Form } from './Form.svelte'
