import { randomBytes, randomUUIDv7 } from 'node:crypto'
import type { EndReason, Outcome } from '../../contracts/conversations.ts'
import { fillings, type Line, leftMessages, pages, type Topic, topics, unanswered } from './dialogues.ts'
import { LogWriter } from './log-writer.ts'
import type { SamplePerson } from './people.ts'
import type { Chance } from './random.ts'

export interface SampleAgent {
  id: string
  name: string
}

/** Rows by table, keys as the columns are called. */
export interface SampleHistory {
  visitors: Row[]
  visits: Row[]
  conversations: Row[]
  entries: Row[]
  notes: Row[]
  offers: Row[]
}
type Row = Record<string, unknown>

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const historyDays = 120
const chats = 400
const unansweredChats = 26
const siteAddress = 'https://www.northlight.test'

/** When those whom the documentation names have chatted before, in days ago: inside the history and beyond it. */
const namedChats: Record<string, number[]> = {
  'sofia.ricci@northwind.test': [34.4, 104.7],
  'tom.becker@contoso.test': [21.8, 97.2],
}

/** Four months of a shop's life up to `now`: who came, what they asked, who answered and how it ended. */
export function sampleHistory(
  chance: Chance,
  now: Date,
  shop: { siteId: string; people: SamplePerson[]; agents: SampleAgent[] },
): SampleHistory {
  const writer = new HistoryWriter(chance, now, shop.siteId, shop.agents)
  const known = shop.people.map((person) => ({ person, guest: writer.addVisitor(person) }))
  const plan = known.flatMap(({ person, guest }) =>
    (namedChats[person.email] ?? []).map((daysAgo) => ({ guest, at: openingTime(now, daysAgo) })),
  )
  const others = known.filter(({ person }) => !(person.email in namedChats))
  while (plan.length < chats) {
    const guest = chance.happens(0.35) ? chance.one(others).guest : writer.addVisitor(null)
    plan.push({ guest, at: writer.workingTime() })
  }
  plan.sort((one, other) => one.at - other.at)
  const everyNth = Math.floor(chats / unansweredChats)
  for (const [index, { guest, at }] of plan.entries()) {
    if (index % everyNth === everyNth - 1 && !isNamed(guest)) writer.writeMissed(guest, at)
    else writer.writeChat(guest, at)
  }
  for (const { guest } of known)
    for (let more = chance.between(1, 4); more > 0; more--)
      writer.writeVisit(guest, writer.workingTime(), 'home', 4 * minute)
  return writer.rows
}

/** An instant of the date so many days ago when people are at work, later in the day the larger the fraction. */
export function openingTime(now: Date, daysAgo: number): number {
  const whole = Math.floor(daysAgo)
  const midnight = Math.floor(now.getTime() / day) * day - whole * day
  return midnight + Math.round((8 + (daysAgo - whole) * 9) * hour) + whole * 1_237
}

const isNamed = ({ email }: Guest) => email !== null && email in namedChats

/** Who is in the directory writes no spam, and the chats people are led to are worth reading. */
const suits = (outcome: Outcome, guest: Guest) =>
  isNamed(guest) ? outcome === 'qualified' : outcome !== 'spam' || guest.email === null

interface Guest {
  id: string
  email: string | null
  name: string | null
  lastConversationId: string | null
  row: Row
}

class HistoryWriter {
  readonly rows: SampleHistory = {
    visitors: [],
    visits: [],
    conversations: [],
    entries: [],
    notes: [],
    offers: [],
  }
  readonly #chance: Chance
  readonly #now: number
  readonly #siteId: string
  readonly #agents: SampleAgent[]

  constructor(chance: Chance, now: Date, siteId: string, agents: SampleAgent[]) {
    this.#chance = chance
    this.#now = now.getTime()
    this.#siteId = siteId
    this.#agents = agents
  }

  /** An instant when shops are open, over and done an hour ago. */
  workingTime(): number {
    for (;;) {
      const at = new Date(this.#now - (this.#chance.next() * (historyDays - 1) + 1 / 24) * day)
      const isWeekend = at.getUTCDay() % 6 === 0
      const isNight = at.getUTCHours() < 7 || at.getUTCHours() > 18
      if (this.#chance.happens((isWeekend ? 0.15 : 1) * (isNight ? 0.08 : 1))) return at.getTime()
    }
  }

  /** Somebody of the directory, or a stranger, who may have said who they are. */
  addVisitor(person: SamplePerson | null): Guest {
    const chance = this.#chance
    const given = person ?? (chance.happens(0.5) ? stranger(chance) : null)
    const row: Row = {
      id: randomUUIDv7(),
      site_id: this.#siteId,
      token_hash: `\\x${randomBytes(32).toString('hex')}`,
      name: given?.name ?? null,
      email: given?.email ?? null,
      company: null,
      time_zone:
        person?.timeZone ?? chance.one(['Europe/Berlin', 'Europe/London', 'Europe/Paris', 'Europe/Rome']),
      language: chance.one(['en', 'en-GB', 'de', 'fr', 'it']),
      page: null,
      referrer: chance.one([
        null,
        'https://www.google.com/',
        'https://www.instagram.com/',
        'https://duckduckgo.com/',
      ]),
      utm: chance.happens(0.2) ? { utm_source: 'newsletter', utm_campaign: 'autumn-lookbook' } : null,
      // both follow the first and last thing this visitor did
      created_at: null,
      seen_at: null,
    }
    this.rows.visitors.push(row)
    return {
      id: String(row.id),
      email: given?.email ?? null,
      name: given?.name ?? null,
      lastConversationId: null,
      row,
    }
  }

  writeChat(guest: Guest, at: number): void {
    const chance = this.#chance
    const fitting = topics.filter(({ outcome }) => suits(outcome, guest))
    const topic = chance.weighed(fitting.map((topic) => [topic, topic.weight] as const))
    const agent = chance.weighed(this.#agents.map((agent, index) => [agent, index < 2 ? 4 : 2] as const))
    const fill = this.#filler(guest, agent)
    const id = randomUUIDv7()
    const firstText = fill(chance.one(topic.opening))
    const acceptedAt = at + chance.between(4, 75) * 1_000
    const log = new LogWriter(id, at)
    log.add('message', 'visitor', guest.id, at, firstText)
    log.add('joined', 'agent', agent.id, acceptedAt, null, { name: agent.name })
    for (const line of this.#spoken(topic.lines, guest)) {
      const wait = chance.between(6, 40) * 1_000 + line.text.length * 90
      log.add('message', line.by, line.by === 'agent' ? agent.id : guest.id, log.at + wait, fill(line.text))
    }
    const reason = chance.weighed<EndReason>([
      ['agent', 6],
      ['visitor', 3],
      ['timeout', 1],
    ])
    if (reason === 'timeout')
      log.add('warning', 'system', null, log.at + 9 * minute, null, {
        endsAt: new Date(log.at + 10 * minute),
      })
    const endedAt = log.at + (reason === 'timeout' ? 1 : chance.next()) * minute
    const ender = { agent: agent.id, visitor: guest.id }[String(reason)] ?? null
    const enderType = reason === 'agent' || reason === 'visitor' ? reason : 'system'
    log.add('ended', enderType, ender, endedAt, null, { reason, by: reason === 'agent' ? agent.name : null })
    const outcome: Outcome | null = reason === 'agent' || chance.happens(0.4) ? topic.outcome : null

    this.#putOffers(id, agent, at, acceptedAt)
    this.#putConversation(guest, topic.page, log, {
      id,
      status: 'ended',
      agent_id: agent.id,
      accepted_at: new Date(acceptedAt),
      end_reason: reason,
      outcome,
      first_text: firstText,
      waiting_since: null,
      message_left: false,
    })
    if (topic.note && chance.happens(0.5))
      this.rows.notes.push({
        id: randomUUIDv7(),
        conversation_id: id,
        agent_id: agent.id,
        client_id: 'sample-note',
        after_seq: log.lastMessageSeq,
        at: new Date(endedAt - 5_000),
        text: topic.note,
      })
  }

  writeMissed(guest: Guest, at: number): void {
    const chance = this.#chance
    const fill = this.#filler(guest, null)
    const id = randomUUIDv7()
    const firstText = fill(chance.one(unanswered))
    const log = new LogWriter(id, at)
    log.add('message', 'visitor', guest.id, at, firstText)
    let reason = chance.weighed<EndReason>([
      ['no_answer', 4],
      ['nobody_available', 3],
      ['visitor_left', 2],
      ['cancelled', 1],
    ])
    const asked = reason === 'no_answer' ? 2 : reason === 'nobody_available' ? 0 : 1
    const tried = this.#agents.slice(0, asked)
    for (const [index, agent] of tried.entries()) {
      const offeredAt = at + index * 100_000
      const left = reason === 'visitor_left' || reason === 'cancelled'
      this.#putOffer(
        id,
        agent,
        left ? 'withdrawn' : 'expired',
        offeredAt,
        offeredAt + (left ? 45_000 : 100_000),
      )
    }
    const endedAt = at + (reason === 'no_answer' ? 200_000 : reason === 'nobody_available' ? 0 : 45_000)
    const by = reason === 'cancelled' ? { type: 'visitor', id: guest.id } : { type: 'system', id: null }
    log.add('ended', by.type, by.id, endedAt, null, { reason, by: null })
    const leaves = guest.email !== null && reason !== 'cancelled' && chance.happens(0.6)
    if (leaves) {
      log.add('message', 'visitor', guest.id, endedAt + 50_000, fill(chance.one(leftMessages)))
      reason = 'left_message'
    }
    this.#putConversation(guest, chance.one(['home', 'halo', 'trade']), log, {
      id,
      status: 'missed',
      agent_id: null,
      accepted_at: null,
      end_reason: reason,
      outcome: null,
      first_text: firstText,
      waiting_since: new Date(at),
      message_left: leaves,
      ended_at: new Date(endedAt),
    })
  }

  writeVisit(guest: Guest, startedAt: number, page: Topic['page'], lastsMs: number): void {
    const way = this.#chance.one([['home'], ['home', 'halo'], ['halo'], ['home', 'trade']] as const)
    const seen = [...new Set([...way, page])].map(addressOf)
    const lastAt = startedAt + lastsMs
    this.rows.visits.push({
      id: randomUUIDv7(),
      visitor_id: guest.id,
      started_at: new Date(startedAt),
      last_at: new Date(lastAt),
      pages: seen,
      page_count: seen.length,
    })
    const { row } = guest
    if (row.created_at === null || Number(row.created_at) > startedAt) row.created_at = new Date(startedAt)
    if (row.seen_at === null || Number(row.seen_at) < lastAt) {
      row.seen_at = new Date(lastAt)
      row.page = addressOf(page)
    }
  }

  #putConversation(guest: Guest, page: Topic['page'], log: LogWriter, row: Row): void {
    const requestedAt = log.startedAt
    this.rows.conversations.push({
      site_id: this.#siteId,
      visitor_id: guest.id,
      previous_id: guest.lastConversationId,
      client_id: `sample-${log.conversationId}`,
      requested_at: new Date(requestedAt),
      ended_at: new Date(log.at),
      page: addressOf(page),
      last_seq: log.lines.length,
      last_at: new Date(log.at),
      last_text: log.lastMessage?.text?.slice(0, 200) ?? null,
      last_sender: log.lastMessage?.sender_type ?? null,
      agent_read_seq: row.status === 'ended' ? log.lines.length : 0,
      visitor_read_seq: log.lines.length,
      visitor_received_seq: log.lines.length,
      visitor_seen_at: new Date(log.at),
      ...row,
    })
    this.rows.entries.push(...log.lines.map((line) => ({ ...line })))
    guest.lastConversationId = log.conversationId
    const cameBefore = this.#chance.between(1, 9) * minute
    this.writeVisit(guest, requestedAt - cameBefore, page, log.at - requestedAt + cameBefore)
  }

  #putOffers(conversationId: string, agent: SampleAgent, at: number, acceptedAt: number): void {
    const colleague = this.#agents.find(({ id }) => id !== agent.id)
    if (colleague && this.#chance.happens(0.12)) {
      this.#putOffer(conversationId, colleague, 'declined', at, at + 2_000)
      this.#putOffer(conversationId, agent, 'accepted', at + 2_000, acceptedAt)
    } else this.#putOffer(conversationId, agent, 'accepted', at, acceptedAt)
  }

  #putOffer(conversationId: string, agent: SampleAgent, state: string, at: number, closedAt: number): void {
    this.rows.offers.push({
      id: randomUUIDv7(),
      conversation_id: conversationId,
      agent_id: agent.id,
      state,
      offered_at: new Date(at),
      expires_at: new Date(at + 100_000),
      closed_at: new Date(closedAt),
    })
  }

  /** Which lines are said, each in one of its wordings. */
  #spoken(lines: readonly Line[], guest: Guest): { by: Line['by']; text: string }[] {
    return lines
      .filter((line) => !line.perhaps || this.#chance.happens(0.5))
      .map(({ by, says }) => {
        // whoever gave no name does not begin with it
        const fitting = guest.name === null ? says.filter((text) => !text.startsWith('{visitor}')) : says
        return { by, text: this.#chance.one(fitting) }
      })
  }

  /** Puts the same product, city and names into every line of a conversation. */
  #filler(guest: Guest, agent: SampleAgent | null): (text: string) => string {
    const product = this.#chance.one(fillings.product)
    const city = this.#chance.one(fillings.city)
    const quantity = this.#chance.one(fillings.quantity)
    const visitor = guest.name?.split(' ')[0]
    return (text) =>
      text
        .replaceAll(' {visitor}', visitor ? ` ${visitor}` : '')
        .replaceAll('{visitor}', visitor ?? '')
        .replaceAll(' {agent}', agent ? ` ${agent.name.split(' ')[0]}` : '')
        .replaceAll('{product}', product)
        .replaceAll('{city}', city)
        .replaceAll('{quantity}', quantity)
  }
}

const addressOf = (page: Topic['page']) => ({ url: siteAddress + pages[page].path, title: pages[page].title })

const strangers = [
  'Anna',
  'Ben',
  'Carla',
  'David',
  'Emma',
  'Finn',
  'Hanna',
  'Ivo',
  'Julia',
  'Karl',
  'Lena',
  'Max',
  'Nora',
  'Paul',
]
function stranger(chance: Chance): { name: string; email: string } {
  const name = chance.one(strangers)
  return { name, email: `${name.toLowerCase()}${chance.between(10, 9_999)}@mail.test` }
}
