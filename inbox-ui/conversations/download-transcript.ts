/** Has the browser save what was said, as text to read or as data. */
export function downloadTranscript(conversationId: string, form: 'txt' | 'json'): void {
  const link = document.createElement('a')
  link.href = `/api/v1/conversations/${conversationId}/transcript.${form}`
  link.download = ''
  link.click()
}
