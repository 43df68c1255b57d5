import type { Outcome } from '../../contracts/conversations.ts'

/** One thing somebody says, in several wordings of which one is chosen. `{product}`, `{city}`, `{quantity}`, `{agent}`
 *  and `{visitor}` are filled in. `perhaps` lines are left out half of the time. */
export interface Line {
  by: 'visitor' | 'agent'
  says: readonly string[]
  perhaps?: true
}

export interface Topic {
  outcome: Outcome
  weight: number
  page: keyof typeof pages
  opening: readonly string[]
  lines: readonly Line[]
  note?: string
}

export const pages = {
  home: { path: '/', title: 'Northlight: lamps for rooms that matter' },
  halo: { path: '/halo-40', title: 'Halo 40 pendant | Northlight' },
  trade: { path: '/trade', title: 'For the trade | Northlight' },
} as const

export const fillings = {
  product: ['Halo 40', 'Halo 60', 'Arc floor lamp', 'Ember table lamp', 'Tilt wall light'],
  city: ['Lyon', 'Leeds', 'Hamburg', 'Turin', 'Malmö', 'Porto', 'Ghent'],
  quantity: ['6', '12', '18', '24', '40', '60'],
} as const

const v = (...says: string[]): Line => ({ by: 'visitor', says })
const a = (...says: string[]): Line => ({ by: 'agent', says })
const maybe = (line: Line): Line => ({ ...line, perhaps: true })

export const topics: readonly Topic[] = [
  {
    outcome: 'qualified',
    weight: 5,
    page: 'trade',
    opening: [
      'Hi, we are fitting out an office in {city} and need about {quantity} of the {product}. Is there a project price?',
      'Hello! Could I get a quote for {quantity} × {product}, delivered to {city}?',
    ],
    lines: [
      a(
        'Hello {visitor}, happy to help. When would you need them on site?',
        'Hi! Sure. Is there a date by which they have to be there?',
      ),
      v('First week of next month would be ideal.', 'We move in eight weeks, so in six at the latest.'),
      a(
        'That works: {quantity} pieces are made to order in three to four weeks. Which finish do you have in mind?',
      ),
      v(
        'Brass for the meeting rooms, black for the rest.',
        'All black please.',
        'Can we decide on the finish later?',
      ),
      maybe(
        a(
          'One thing to know: the brass is unlacquered, so it darkens over the years. Some people order it for exactly that.',
        ),
      ),
      maybe(v('Good to know, our architect will like that.')),
      a(
        'I will send you a quote today, with the project price and two delivery options.',
        'You will have the quote this afternoon, with a line for the installation if you want it.',
      ),
      v('Great, thank you.', 'Perfect, thanks a lot!'),
    ],
    note: 'Project price agreed in principle: 12 % from 20 pieces.',
  },
  {
    outcome: 'qualified',
    weight: 4,
    page: 'trade',
    opening: ['How do I open a trade account?', 'Do interior designers get trade prices with you?'],
    lines: [
      a('They do. You need a business registration and a first project; it takes a day to set up.'),
      v('And what is the discount?', 'What would our prices be, roughly?'),
      a('20 % on everything, 25 % from the fifth project a year. Samples are on loan for three weeks.'),
      v('Loan samples are exactly what I was hoping for.', 'That is better than what we have now.'),
      maybe(v('Could you send the {product} as a sample?')),
      maybe(a('Of course. I have put one aside for you.')),
      a('May I call you tomorrow to go through the form together? It takes five minutes.'),
      v('Yes, in the morning please.', 'Sure, any time after ten.'),
    ],
  },
  {
    outcome: 'qualified',
    weight: 3,
    page: 'halo',
    opening: [
      'Can the {product} be dimmed with DALI? The data sheet only mentions 0–10 V.',
      'Does the {product} work with a DALI gateway?',
    ],
    lines: [
      a(
        'Yes, there is a DALI-2 driver for it. It has to be ordered with the lamp, because it sits inside the canopy.',
      ),
      v('How low does it go before it flickers?', 'What is the lowest level?'),
      a('Down to 1 %, measured with a flicker index under 0.02. I can send you the measurement.'),
      v('Please do. We have {quantity} of them in the plan.'),
      maybe(
        a(
          'For that many it is worth planning the groups first. Shall I put you in touch with our lighting engineer?',
        ),
      ),
      maybe(v('That would help a lot.')),
      a('The measurement is on its way to your inbox.'),
    ],
    note: 'Wants the flicker measurement before anything else. Engineer by training.',
  },
  {
    outcome: 'support',
    weight: 4,
    page: 'home',
    opening: [
      'Where is my order? It should have been here on Tuesday.',
      'My {product} was sent last week and the tracking has not moved for three days.',
    ],
    lines: [
      a('Sorry about that. May I have the order number?', 'Let me look. What is the order number, please?'),
      v('NL-10482', 'It is NL-20917.', 'NL-18833, from {city}'),
      a(
        'Thank you. The parcel is at the depot in {city}; the carrier wanted a phone number and did not tell anybody.',
      ),
      maybe(v('Typical. Can you sort it out?')),
      a('Done: it goes out again tomorrow between 9 and 13. You will get a message an hour before.'),
      v('Thanks for the quick help.', 'Great, thank you {agent}.'),
    ],
  },
  {
    outcome: 'support',
    weight: 3,
    page: 'halo',
    opening: [
      'One of the two glass shades arrived broken. What do I do?',
      'The shade of my {product} has a crack from the top to the rim.',
    ],
    lines: [
      a('Oh no. A photo is enough, no need to send anything back. Could you mail it to us?'),
      v('Just sent it.', 'I can do that tonight.'),
      maybe(a('I see it. That happened on the way, we will take it up with the carrier.')),
      a(
        'A new shade leaves our workshop on Thursday. It needs no tools: turn a quarter to the left and it comes off.',
      ),
      v('Wonderful, that was easy.', 'Thank you!'),
    ],
  },
  {
    outcome: 'support',
    weight: 3,
    page: 'home',
    opening: ['Which bulb fits the {product}?', 'Are bulbs included with the {product}?'],
    lines: [
      a(
        'It takes a G9, at most 6 W LED, and one is in the box.',
        'E27, and the box has one: 2700 K, 800 lumen.',
      ),
      v('Can I use a colder one? 4000 K?', 'And if I want it brighter?'),
      a('You can. We find it a bit stern in a living room, but over a desk it is lovely.'),
      v('It is for a workshop, so that is fine.', 'Okay, I will try both.'),
      maybe(
        a(
          'If you like, put both in the basket and send back the one you do not want. Returns are free for 30 days.',
        ),
      ),
    ],
  },
  {
    outcome: 'not_a_fit',
    weight: 3,
    page: 'home',
    opening: ['Do you also sell ceiling fans?', 'Do you make outdoor lamps? Something for a garden path.'],
    lines: [
      a('We do not, I am afraid. Indoor lamps only.', 'Not at the moment, all our lamps are for indoors.'),
      v('Pity. Do you know somebody who does?', 'Okay, thanks anyway.'),
      maybe(a('There is a good small maker in {city}; I will find you the address.')),
      maybe(v('That is kind, thank you.')),
    ],
  },
  {
    outcome: 'not_a_fit',
    weight: 2,
    page: 'trade',
    opening: ['Do you ship to Brazil?', 'Can you deliver {quantity} lamps with 110 V drivers?'],
    lines: [
      a('We only deliver within Europe for now: the approvals for other grids are not there yet.'),
      v('When will that change?'),
      a('Not this year. If you leave us your address we write to you when it does.'),
      v('All right, please do.', 'No need, thanks.'),
    ],
  },
  {
    outcome: 'qualified',
    weight: 3,
    page: 'home',
    opening: [
      'I would like to see the {product} before I buy. Is there a showroom?',
      'Can I visit you in person?',
    ],
    lines: [
      a(
        'Gladly. The showroom is open Tuesday to Saturday; with an appointment somebody takes the time to go through your plan with you.',
      ),
      v('Thursday afternoon?', 'Would Friday at eleven work?'),
      a('It would. May I write down your name and a phone number?'),
      v(
        '{visitor}. The number is on our website, under the same name.',
        'Sure, you can reach me at the address I gave.',
      ),
      a('See you then. The coffee is good, and the light too.'),
      maybe(v('Looking forward to it!')),
    ],
    note: 'Bring the brass and the black sample.',
  },
  {
    outcome: 'support',
    weight: 2,
    page: 'trade',
    opening: [
      'Our invoice has the wrong VAT number. Can you correct it?',
      'We need the invoice for NL-15540 with our new address.',
    ],
    lines: [
      a('Of course. What should it say?'),
      v(
        'I have just mailed it to you, with the old invoice attached.',
        'Same company, new street: 14 Canal Row, {city}.',
      ),
      a('Got it. The corrected one comes by mail within the hour, the old one is cancelled.'),
      v('Thanks, our bookkeeping will be happy.', 'Perfect.'),
    ],
  },
  {
    outcome: 'support',
    weight: 2,
    page: 'halo',
    opening: [
      'How long is the cable of the {product}? Our ceiling is 4.2 m high.',
      'Ceiling of 3.8 m, table of 75 cm: how far down should the {product} hang?',
    ],
    lines: [
      a(
        'The cable is 2 m, and 4 m on request for the same price. Over a table the rim should be 60 to 70 cm above the top.',
      ),
      v('Then we need the long one.', 'So about 2.4 m of cable. The long one, then.'),
      a('Choose "4 m" under the picture; we shorten it for you if you tell us the height.'),
      maybe(v('Can you shorten it to 2.6 m?')),
      maybe(a('Noted on your order. Nothing to pay.')),
      v('Thank you, {agent}!', 'Very helpful, thanks.'),
    ],
  },
  {
    outcome: 'spam',
    weight: 1,
    page: 'home',
    opening: [
      'Dear sir/madam, we offer first page ranking in all search engines guaranteed. Interested?',
      'GREETINGS we sell best LED chips factory price please reply whatsapp',
    ],
    lines: [a('Thank you, we have no need for this.', 'No, thank you. Have a good day.')],
  },
]

/** What people write who did not get an answer, and what they leave behind. */
export const unanswered: readonly string[] = [
  'Hello? Is anybody there?',
  'Do you have the {product} in stock?',
  'Could somebody call me back about {quantity} lamps for a restaurant in {city}?',
  'I would like to change the address of my order.',
  'Is the {product} available with a longer cable?',
]
export const leftMessages: readonly string[] = [
  'Please write to me when you are back. It is about {quantity} × {product}.',
  'No hurry: I only need to know when the {product} is in stock again.',
  'Could you send me the trade price list? Thank you.',
]
