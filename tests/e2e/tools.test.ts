import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { screenshot } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { never } from '../support/factories.ts'
import { follow } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'
import { aStuckLine } from '../support/stuck-line.ts'
import { aPng } from '../support/upload.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

/** A real picture of one pixel, so that a browser draws it. */
const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

test('a canned reply is written once, found by /, filled in where the caret is, and kept half typed', async () => {
  const { agent, visitor } = await stage.chatInInbox()
  const { page } = agent
  await follow(page, 'settings/canned-replies')
  await agent.button('New canned reply').first().click()
  await page.getByRole('textbox', { name: 'Shortcut' }).fill('hi')
  await page
    .getByRole('textbox', { name: 'Text' })
    .fill('Hi {{visitor.firstName|there}} of {{visitor.company}}, this is {{agent.name}}.')
  await agent.button('Save').click()
  await page.getByText('/hi').waitFor()
  await screenshot(page, 'tools-canned-settings')
  await page.getByRole('link', { name: 'Inbox' }).click()
  await agent.rows.filter({ hasText: 'Sofia Ricci' }).click()

  await agent.message.fill('/zzz')
  await page.getByText('No canned reply for “zzz”').waitFor()
  await agent.message.fill('')
  await agent.message.pressSequentially('/h')
  const option = page.getByRole('listbox', { name: 'Canned replies' }).getByRole('option')
  await expect.poll(() => option.count()).toBe(1)
  expect(await option.textContent()).toContain('Hi Sofia of')
  await axeFindsNothing(page, 'tools')
  await screenshot(page, 'tools-canned-list')
  // half typed it survives a reload, and the list waits for the next letter
  await page.reload()
  await agent.ready()
  await expect.poll(() => agent.message.inputValue()).toBe('/h')
  await agent.message.focus()
  await agent.message.press('End')
  await agent.message.press('i')
  await option.waitFor()
  await agent.message.press('Escape')
  expect(await option.count()).toBe(0)
  await agent.message.fill('')
  await agent.message.pressSequentially('/hi')
  await option.waitFor()
  await agent.message.press('Enter')
  await expect.poll(() => agent.message.inputValue()).toBe(`Hi Sofia of , this is ${agent.row.name}.`)
  await page.getByText('Not known in this chat and left empty: visitor.company').waitFor()
  await agent.message.press('Enter')
  await visitor.hears(`Hi Sofia of , this is ${agent.row.name}.`)
})

test('an admin’s outcomes are what agents choose from, at once', async () => {
  const admin = await stage.agent({ profile: 'admin', schedule: never, at: 'settings/outcomes' })
  const { agent } = await stage.chatInInbox({ name: 'Otto Lang' })
  await admin.button('Add outcome').click()
  await admin.page.getByRole('textbox', { name: 'Outcome 5' }).fill('Wants a demo')
  await admin.button('Stop offering Spam').click()
  await admin.button('Save').click()
  await admin.page.getByText('Not saved yet').waitFor({ state: 'detached' })
  await screenshot(admin.page, 'tools-outcomes')
  await axeFindsNothing(admin.page, 'tools')
  await agent.button('End session').click()
  const dialog = agent.page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Wants a demo' }).click()
  await agent.button('Download transcript').waitFor()
  await agent.page.getByText('Wants a demo').first().waitFor()
  expect(await dialog.getByRole('button', { name: 'Spam' }).count()).toBe(0)
})

test('a blocked visitor reaches nobody until it is undone', async () => {
  const { agent, visitor } = await stage.chat({ name: 'Petra Pest', email: 'pest@example.test' })
  await agent.button('Block visitor').click()
  const dialog = agent.page.getByRole('dialog', { name: 'Block Petra Pest?' })
  await dialog.getByRole('checkbox').check()
  await screenshot(agent.page, 'tools-block')
  await axeFindsNothing(agent.page, 'tools')
  await dialog.getByRole('button', { name: 'Block', exact: true }).click()
  await agent.page.getByText('Visitor blocked.').waitFor()
  await visitor.says(/ended the chat/)
  await visitor.say('Hello?')
  await visitor.says('Nobody is free right now. Leave a message and we will write to you.')
  expect(await agent.offers.count()).toBe(0)
  await agent.button('Undo').click()
  await agent.page.getByText('The visitor is no longer blocked.').waitFor()
  await follow(agent.page, 'settings/blocked')
  await agent.page.getByText('Nobody is blocked').waitFor()
})

test('files go both ways, pictures show in the room kept for them, and what is refused says why', async () => {
  const { agent, visitor } = await stage.chat({ name: 'Nina Berg' })
  const [chooser] = await Promise.all([
    agent.page.waitForEvent('filechooser'),
    agent.button('Attach files').click(),
  ])
  await chooser.setFiles([
    { name: 'plan.png', mimeType: 'image/png', buffer: pixel },
    { name: 'terms.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7 terms') },
    { name: 'tool.exe', mimeType: 'image/png', buffer: Buffer.from('MZ\x90\0\x03', 'latin1') },
  ])
  await agent.log.getByRole('img', { name: 'Picture: plan.png' }).waitFor()
  await agent.log.getByText('terms.pdf').waitFor()
  await agent.log.getByText(/Not sent: Files of this type cannot be sent/).waitFor()
  await screenshot(agent.page, 'tools-files-inbox')
  await axeFindsNothing(agent.page, 'tools')
  await agent.button('Discard').click()
  await agent.log.getByText('tool.exe').waitFor({ state: 'detached' })

  const picture = visitor.log.getByRole('img', { name: 'plan.png' })
  await expect.poll(() => picture.evaluate((it: HTMLImageElement) => it.naturalWidth)).toBe(1)
  const [download] = await Promise.all([
    visitor.page.waitForEvent('download'),
    visitor.log.getByText('terms.pdf').click(),
  ])
  expect(download.suggestedFilename()).toBe('terms.pdf')

  const [theirs] = await Promise.all([
    visitor.page.waitForEvent('filechooser'),
    visitor.button('Attach files').click(),
  ])
  await theirs.setFiles([{ name: 'mine.png', mimeType: 'image/png', buffer: pixel }])
  await agent.log.getByRole('img', { name: 'Picture: mine.png' }).waitFor()
  await theirs.setFiles([{ name: 'empty.txt', mimeType: 'text/plain', buffer: Buffer.alloc(0) }])
  await visitor.says(/Not sent: A file has at most 10 MB and is not empty/)
  await screenshot(visitor.page, 'tools-files-widget')
  await visitor.button('Remove').click()
  // one that only says it is a picture is shown by its name
  const [again] = await Promise.all([
    agent.page.waitForEvent('filechooser'),
    agent.button('Attach files').click(),
  ])
  await again.setFiles([{ name: 'broken.png', mimeType: 'image/png', buffer: aPng(40, 30) }])
  await agent.log.getByRole('link', { name: /broken.png/ }).waitFor()
})

test('a file on its way survives a reload of the inbox, and the widget has the one that did not chosen again', async () => {
  const name = `Lars ${randomUUID()}`
  const { agent, visitor } = await stage.chat({ name })
  const attach = async (screen: typeof agent | typeof visitor, name: string) => {
    // not held by the browser, which lets a held request go where a frame ends before it is told of that
    const line = await aStuckLine()
    const files = '**/api/v1/**/files'
    await screen.page.route(files, (route) =>
      route.continue({ url: line.origin + new URL(route.request().url()).pathname }),
    )
    const [chooser] = await Promise.all([
      screen.page.waitForEvent('filechooser'),
      screen.button('Attach files').click(),
    ])
    await chooser.setFiles([{ name, mimeType: 'image/png', buffer: pixel }])
    await line.reached
    return async () => {
      await screen.page.unroute(files)
      await screen.page.reload()
      await line.left
    }
  }
  const reloadInbox = await attach(agent, 'plan.png')
  await agent.log.getByText('plan.png').waitFor()
  await expect
    .poll(() =>
      agent.page.evaluate(async () => {
        const open = indexedDB.open('foyer-files')
        await new Promise((done) => open.addEventListener('success', done))
        const all = open.result.transaction('files').objectStore('files').getAll()
        await new Promise((done) => all.addEventListener('success', done))
        open.result.close()
        return all.result.map(({ name }) => name)
      }),
    )
    .toEqual(['plan.png'])
  await reloadInbox()
  await agent.ready()
  await agent.log.getByRole('img', { name: 'Picture: plan.png' }).waitFor()
  await visitor.log.getByRole('img', { name: 'plan.png' }).waitFor()

  const reloadPage = await attach(visitor, 'mine.png')
  await reloadPage()
  await visitor.log.getByText('mine.png').waitFor()
  await visitor.says('Not sent: attach it again.')
  const [again] = await Promise.all([
    visitor.page.waitForEvent('filechooser'),
    visitor.button('Choose it again').click(),
  ])
  await again.setFiles([{ name: 'mine.png', mimeType: 'image/png', buffer: pixel }])
  await agent.log.getByRole('img', { name: 'Picture: mine.png' }).waitFor()
  await visitor.log.getByText('Not sent').waitFor({ state: 'detached' })
  // one file, however often it was sent, and the next page has nothing left to send
  await agent.page.reload()
  await agent.ready()
  await agent.log.getByRole('img', { name: 'Picture: plan.png' }).waitFor()
  const { rows } = await stage.foyer.pool.query(
    `select f.name from files f join conversations c on c.id = f.conversation_id join visitors v on v.id = c.visitor_id
     where v.name = $1 and f.seq is not null order by f.seq`,
    [name],
  )
  expect(rows).toEqual([{ name: 'plan.png' }, { name: 'mine.png' }])
})

test('an emoji is found by its name and stands where the caret was, on both sides; a note is kept half written', async () => {
  const { agent, visitor } = await stage.chat({ name: 'Emil Jansen' })
  await agent.message.fill('Done!')
  await agent.message.press('Home')
  await agent.button('Insert an emoji').click()
  await agent.page.getByRole('searchbox', { name: 'Search emoji' }).fill('tada')
  await axeFindsNothing(agent.page, 'emoji')
  await agent.page.getByRole('searchbox', { name: 'Search emoji' }).press('Enter')
  await expect.poll(() => agent.message.inputValue()).toBe('🎉Done!')
  await agent.message.press('Enter')
  await visitor.says('🎉Done!')

  await visitor.message.fill('Thank you')
  await visitor.button('Emoji').click()
  await visitor.frame.getByRole('searchbox', { name: 'Search emoji' }).fill('heart')
  await screenshot(visitor.page, 'tools-emoji-widget')
  await visitor.button('heart love').click()
  await expect.poll(() => visitor.message.inputValue()).toBe('Thank you❤️')
  // Escape takes the emoji away and leaves the chat
  await visitor.button('Emoji').click()
  const search = visitor.frame.getByRole('searchbox', { name: 'Search emoji' })
  await search.press('Escape')
  await search.waitFor({ state: 'detached' })
  expect(await visitor.message.isVisible()).toBe(true)
  await visitor.message.press('Enter')
  await agent.hears('Thank you❤️')

  // it is a note again after a reload, and takes no files
  await agent.button('Note').click()
  await agent.page.getByRole('textbox', { name: 'Note' }).fill('Ask Marco about')
  expect(await agent.button('Attach files').count()).toBe(0)
  await agent.page.reload()
  await agent.ready()
  await expect
    .poll(() => agent.page.getByRole('textbox', { name: 'Note' }).inputValue())
    .toBe('Ask Marco about')
})
