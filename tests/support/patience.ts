/** How long a test waits for what is bound to come: a minute, and nobody ever waits that long for a test that passes. It is
 *  there for machines that are busy with other things. A test about how long Foyer itself takes says so with numbers
 *  of its own. */
export const patienceMs = 60_000
