/** Tiny CRM: a vendor that does not exist, with everything a CRM connector needs. Start from a copy of this. */
export default (sdk) => {
  const origin = ({ standIn }) => standIn ?? 'https://api.tiny-crm.example'
  /** Long transactions at the vendor become visible late: each look goes back this far. */
  const overlapMs = 300_000

  /** Every call goes through here: the token, the limit, and what the vendor's refusals mean. */
  async function call(connection, path, { method = 'GET', body } = {}) {
    const answer = await sdk.fetchAuthorized(connection, origin(connection) + path, {
      method,
      limits: ['calls'],
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    })
    if (answer.status < 300) return read(answer, method)
    const said = answer.status < 500 ? messageOf(answer) : ''
    switch (answer.status) {
      case 403:
        throw new sdk.ProviderForbiddenError(
          `Tiny CRM does not allow this${said}. Give the app the scopes it needs.`,
        )
      case 404:
        throw new sdk.RecordGoneError('Tiny CRM has no such record any more.')
      case 409:
        throw new sdk.DuplicateError('Tiny CRM has this person already.', [answer.json().existingId])
      case 410:
        throw new sdk.CursorExpiredError('Tiny CRM keeps changes for 30 days.')
      case 422:
        throw new sdk.ProviderRejectedError(`Tiny CRM refuses a value${said}.`)
      case 429:
        throw new sdk.RateLimitedError(
          'Tiny CRM asks for a pause.',
          sdk.retryAfterMs(answer) ?? 1_000,
          'calls',
        )
      default:
        throw new sdk.ProviderUnavailableError(
          `Tiny CRM does not work now (${answer.status}).`,
          method === 'GET' ? 'nothing' : 'unknown',
        )
    }
  }

  /** Half an answer to a write: it happened, or it did not. */
  function read(answer, method) {
    try {
      return answer.text === '' ? null : answer.json()
    } catch (error) {
      if (method === 'GET') throw error
      throw new sdk.ProviderUnavailableError('The answer of Tiny CRM broke off.', 'unknown')
    }
  }

  /** Only what is a text of reasonable length: it is shown to people. */
  function messageOf(answer) {
    try {
      const { message } = answer.json()
      return typeof message === 'string' ? `: ${message.slice(0, 200)}` : ''
    } catch {
      return ''
    }
  }

  const text = (value) => (typeof value === 'string' && value !== '' ? value : null)
  const query = (parameters) =>
    new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null)).toString()

  /** An answer is not to be trusted: what is not a person is none. */
  function toPerson({ connection, mapping }, row) {
    if (typeof row?.id !== 'string' || typeof row.changedAt !== 'string')
      throw new sdk.ProviderAnswerError('Tiny CRM gave a person without an id.')
    const names = mapping.Person ?? {}
    // a field that is not in the answer is hidden from us, which is not the same as empty
    const fields = Object.fromEntries(
      Object.entries(names).flatMap(([field, name]) => (name in row ? [[field, text(row[name])]] : [])),
    )
    return {
      type: 'Person',
      id: row.id,
      emails: text(row.email) ? [row.email.toLowerCase()] : [],
      fields,
      owner: row.owner ? toOwner(row.owner) : null,
      company: null,
      url: `${connection.account?.webOrigin ?? origin(connection)}/people/${encodeURIComponent(row.id)}`,
      changedAt: new Date(row.changedAt),
      formerIds: [],
    }
  }

  const toOwner = ({ id, name, email, active }) => ({
    id: String(id),
    name: text(name),
    email: text(email)?.toLowerCase() ?? null,
    active: active !== false,
    isQueue: false,
  })

  const toActivity = (row) => ({
    id: String(row.id),
    sameAs: [],
    kind: row.kind,
    at: new Date(row.at),
    isAllDay: false,
    title: text(row.title),
    detail: text(row.text)?.slice(0, 2_000) ?? null,
    url: null,
    foyerKey: text(row.key),
  })

  /** Foyer's values under the vendor's names, as the mapping says. */
  const named = (mapping, values) =>
    Object.fromEntries(
      Object.entries(values).flatMap(([field, value]) => {
        const name = mapping.Person?.[field]
        return name ? [[name, value]] : []
      }),
    )

  /** A note under Foyer's own key: the vendor replaces the one that is there. */
  async function log({ connection }, ref, key, entry) {
    const path = `/people/${encodeURIComponent(ref.id)}/activities/${encodeURIComponent(key)}`
    const { id } = await call(connection, path, { method: 'PUT', body: entry })
    return { id: String(id), url: null }
  }

  const chatEntry = ({ subject, startedAt, transcript, outcome, link }) => ({
    kind: 'note',
    at: startedAt.toISOString(),
    title: subject.slice(0, 200),
    text: `${outcome ? `Outcome: ${outcome}\n` : ''}${link}\n\n${transcript}`.slice(0, 50_000),
  })

  const meetingEntry = ({ title, start, body, location, state }) => ({
    kind: 'meeting',
    at: start.toISOString(),
    title: `${state === 'cancelled' ? 'Cancelled: ' : ''}${title}`.slice(0, 200),
    text: [location, body].filter(Boolean).join('\n').slice(0, 50_000),
  })

  return sdk.defineConnector({
    id: 'tiny',
    name: 'Tiny CRM',
    auth: {
      kind: 'oauth2',
      authorizeUrl: (at) => `${origin(at)}/oauth/authorize`,
      tokenUrl: (at) => `${origin(at)}/oauth/token`,
      scopes: ['people', 'activities'],
      clientAuthentication: 'body',
      isGrantGone: (status, body) => status === 400 && body?.error === 'invalid_grant',
      async revoke(connection, { refreshToken }) {
        await connection.fetch(`${origin(connection)}/oauth/revoke`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: query({ token: refreshToken }),
          limits: [],
        })
      },
      steps: [
        'In Tiny CRM open Settings → Apps and make an app.',
        'Enter {redirectUrl} as its redirect address, and give it the scopes {scopes}.',
      ],
      documentation: 'https://api.tiny-crm.example/docs',
    },
    settings: [],
    origins: (connection) => [origin(connection)],
    limits: { calls: { requests: 50, perMs: 1_000, reserve: 0.2 } },

    async identify(connection) {
      const { id, name } = await call(connection, '/me')
      if (!text(id) || !text(name)) throw new sdk.ProviderAnswerError('Tiny CRM did not say who we are.')
      return { id, name, webOrigin: origin(connection) }
    },

    crm: {
      personTypes: [{ type: 'Person', label: 'Person' }],
      mapping: {
        Person: {
          name: 'name',
          jobTitle: 'title',
          email: 'email',
          phone: 'phone',
          crmStatus: 'status',
          company: 'company',
        },
      },
      activityKinds: ['email', 'call', 'meeting', 'note'],

      async describe({ connection }) {
        const { fields } = await call(connection, '/fields')
        return {
          types: {
            Person: {
              label: 'Person',
              mayCreate: true,
              fields: fields.map(({ name, maxLength, required }) => ({
                name,
                label: name,
                type: name === 'email' || name === 'phone' ? name : 'text',
                mayWrite: true,
                requiredToCreate: required === true,
                maxLength: maxLength ?? null,
              })),
            },
          },
        }
      },
      async owners({ connection }, cursor) {
        const { users, next } = await call(connection, `/users?${query({ after: cursor })}`)
        return { items: users.map(toOwner), cursor: next }
      },
      async findPerson(crm, email) {
        const { people } = await call(crm.connection, `/people?${query({ email: email.toLowerCase() })}`)
        return people[0] ? toPerson(crm, people[0]) : null
      },
      async readPerson(crm, { id }) {
        return toPerson(crm, await call(crm.connection, `/people/${encodeURIComponent(id)}`))
      },
      async activities({ connection }, { id }, { from, to }, cursor) {
        const window = query({ from: from.toISOString(), to: to.toISOString(), after: cursor })
        const { activities, next } = await call(
          connection,
          `/people/${encodeURIComponent(id)}/activities?${window}`,
        )
        return { items: activities.map(toActivity), cursor: next }
      },
      async allPeople(crm, cursor) {
        const { people, next, total } = await call(crm.connection, `/people?${query({ after: cursor })}`)
        return { items: people.map((row) => toPerson(crm, row)), cursor: next, total }
      },
      async changes(crm, cursor) {
        const startedAt = crm.connection.now().toISOString()
        if (cursor === null) return { changes: [], cursor: JSON.stringify({ since: startedAt }), done: true }
        const { since, after = null, began = startedAt } = JSON.parse(cursor)
        const from = new Date(Date.parse(since) - overlapMs).toISOString()
        const { changes, next } = await call(crm.connection, `/changes?${query({ since: from, after })}`)
        return {
          changes: changes.map(({ deleted, erased, activities, ...row }) => {
            if (deleted) return { type: 'gone', ref: { type: 'Person', id: row.id }, erase: erased === true }
            if (activities) return { type: 'activities_changed', ref: { type: 'Person', id: row.id } }
            return { type: 'changed', person: toPerson(crm, row) }
          }),
          // the next look begins where this one began, not where it ended
          cursor: JSON.stringify(next ? { since, after: next, began } : { since: began }),
          done: next === null,
        }
      },

      async createPerson(crm, { key, values, fixed, ownerId }) {
        const body = { ...fixed, ...named(crm.mapping, values), key, ownerId }
        return toPerson(crm, await call(crm.connection, '/people', { method: 'POST', body }))
      },
      async updatePerson(crm, { id }, { values, onlyEmpty }) {
        const path = `/people/${encodeURIComponent(id)}`
        const now = await call(crm.connection, path)
        // not in the answer: hidden, and not ours to fill
        const isEmpty = ([name]) => name in now && text(now[name]) === null
        const body = {
          ...Object.fromEntries(Object.entries(named(crm.mapping, onlyEmpty)).filter(isEmpty)),
          ...Object.fromEntries(Object.entries(named(crm.mapping, values)).filter(([name]) => name in now)),
        }
        if (Object.keys(body).length === 0) return toPerson(crm, now)
        return toPerson(crm, await call(crm.connection, path, { method: 'PATCH', body }))
      },
      logConversation: (crm, ref, conversation) => log(crm, ref, conversation.key, chatEntry(conversation)),
      logMeeting: (crm, ref, meeting) => log(crm, ref, meeting.key, meetingEntry(meeting)),
      previewOf(write, mapping) {
        const shown = (record, values) => ({
          record,
          values: Object.entries(values).map(([field, value]) => ({ field, value: String(value) })),
        })
        switch (write.type) {
          case 'createPerson':
            return shown('Person', { ...write.person.fixed, ...named(mapping, write.person.values) })
          case 'updatePerson':
            return shown('Person', named(mapping, { ...write.change.onlyEmpty, ...write.change.values }))
          case 'logConversation':
            return shown('Note', chatEntry(write.conversation))
          default:
            return shown('Meeting', meetingEntry(write.meeting))
        }
      },
    },
  })
}
