import type { z } from 'zod'
import type { Agent, ChangeAgent, CreateAgent } from '../../core/contracts/agents.ts'
import { type Api, sentence } from '../app/api.ts'

/** Everybody who answers chats here. */
export class Agents {
  readonly #api: Api
  #list = $state.raw<Agent[] | null>(null)
  #error = $state('')

  constructor(api: Api) {
    this.#api = api
  }

  /** Null until loaded. */
  get list(): readonly Agent[] | null {
    return this.#list
  }
  get error(): string {
    return this.#error
  }

  load = async (): Promise<void> => {
    this.#error = ''
    try {
      this.#list = (await this.#api.get<{ agents: Agent[] }>('/agents')).agents
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  async add(agent: z.input<typeof CreateAgent>): Promise<void> {
    const added = await this.#api.send<Agent>('POST', '/agents', agent)
    this.#list = [...(this.#list ?? []), added]
  }

  async change(id: string, change: z.input<typeof ChangeAgent>): Promise<void> {
    const changed = await this.#api.send<Agent>('PATCH', `/agents/${id}`, change)
    this.#list = (this.#list ?? []).map((agent) => (agent.id === id ? changed : agent))
  }
}
