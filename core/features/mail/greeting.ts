/** Something that mail programs make a link of. */
const address = /:\/\/|[\p{L}\d]\.[\p{L}\d]{2,}/u

/** How a mail to a visitor begins. They typed their name themselves, and perhaps somebody else's address: whoever it reaches must not be led
 *  anywhere by it. */
export const greetingOf = (name: string | null): string =>
  name === null || address.test(name) ? 'Hello,' : `Hello ${name},`
