/** A live region speaks when its text changes: the same words once more need a difference that nobody hears.
 *  @param said what it says now */
export const announced = (said: string, words: string): string => (said === words ? `${words}\u00A0` : words)
