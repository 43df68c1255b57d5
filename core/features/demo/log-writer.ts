/** A row of `entries`. */
export interface LogLine {
  conversation_id: string
  seq: number
  kind: string
  sender_type: string
  sender_id: string | null
  client_id: string | null
  at: Date
  text: string | null
  data: Record<string, unknown> | null
}

/** The log of one conversation, line after line and never back in time. */
export class LogWriter {
  readonly conversationId: string
  readonly startedAt: number
  readonly lines: LogLine[] = []
  at: number

  constructor(conversationId: string, startedAt: number) {
    this.conversationId = conversationId
    this.startedAt = startedAt
    this.at = startedAt
  }

  add(
    kind: string,
    senderType: string,
    senderId: string | null,
    at: number,
    text: string | null,
    data: Record<string, unknown> | null = null,
  ): void {
    this.at = Math.max(at, this.at)
    const seq = this.lines.length + 1
    this.lines.push({
      conversation_id: this.conversationId,
      seq,
      kind,
      sender_type: senderType,
      sender_id: senderId,
      client_id: kind === 'message' ? `sample-${seq}` : null,
      at: new Date(this.at),
      text,
      data,
    })
  }

  get lastMessage(): LogLine | undefined {
    return this.lines.findLast(({ kind }) => kind === 'message')
  }

  get lastMessageSeq(): number {
    return this.lastMessage?.seq ?? 0
  }
}
