/** Domains whose addresses anybody can have: they say nothing of a company, so they name no owner. */
const freeMail = new Set(
  `
  gmail.com googlemail.com outlook.com hotmail.com live.com msn.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it
  hotmail.es live.co.uk live.fr live.nl live.it outlook.fr outlook.de outlook.es outlook.it outlook.jp outlook.com.br
  yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.it yahoo.es yahoo.co.jp yahoo.co.in yahoo.com.br yahoo.com.au yahoo.ca
  ymail.com rocketmail.com myyahoo.com icloud.com me.com mac.com aol.com aim.com proton.me protonmail.com pm.me
  protonmail.ch tutanota.com tutanota.de tuta.io tuta.com gmx.com gmx.net gmx.de gmx.at gmx.ch web.de t-online.de
  freenet.de mail.com email.com usa.com zoho.com zohomail.com zohomail.eu yandex.com yandex.ru ya.ru mail.ru bk.ru
  inbox.ru list.ru rambler.ru fastmail.com fastmail.fm hey.com duck.com mailbox.org posteo.de posteo.net disroot.org
  riseup.net libero.it virgilio.it alice.it tin.it tiscali.it orange.fr wanadoo.fr laposte.net free.fr sfr.fr
  bluewin.ch hispeed.ch telenet.be skynet.be ziggo.nl kpnmail.nl planet.nl home.nl xs4all.nl hetnet.nl btinternet.com
  sky.com talktalk.net virginmedia.com ntlworld.com blueyonder.co.uk comcast.net verizon.net att.net sbcglobal.net
  bellsouth.net cox.net charter.net earthlink.net juno.com optonline.net shaw.ca rogers.com sympatico.ca bigpond.com
  bigpond.net.au optusnet.com.au xtra.co.nz uol.com.br bol.com.br terra.com.br ig.com.br globo.com qq.com foxmail.com
  163.com 126.com yeah.net sina.com sina.cn sohu.com aliyun.com 139.com 189.cn naver.com daum.net hanmail.net nate.com
  docomo.ne.jp ezweb.ne.jp softbank.ne.jp i.softbank.jp nifty.com biglobe.ne.jp rediffmail.com seznam.cz email.cz
  centrum.cz wp.pl o2.pl onet.pl interia.pl op.pl abv.bg ukr.net i.ua walla.co.il hushmail.com inbox.lv
  `
    .trim()
    .split(/\s+/),
)

/** Whether this domain, or one it lies under, gives addresses to anybody. @param domain in ASCII and lower case. */
export const isFreeMail = (domain: string): boolean => withParents(domain).some((one) => freeMail.has(one))

/** The domain and those it lies under, longest first, down to two labels: mail.northwind.test, northwind.test. */
export function withParents(domain: string): string[] {
  const labels = domain.split('.')
  return labels.slice(0, -1).map((_, place) => labels.slice(place).join('.'))
}

/** The domain of an address of everybody's; null for any other. */
export function freeMailDomain(email: string | null): string | null {
  const domain = domainOf(email)
  return isFreeMail(domain) ? domain : null
}

/** By which domains the account of an address may be known, closest first; none for an address of everybody's. */
export function accountDomains(email: string | null): string[] {
  const domain = domainOf(email)
  return domain === '' || isFreeMail(domain) ? [] : withParents(domain)
}

const domainOf = (email: string | null) => email?.slice(email.lastIndexOf('@') + 1).toLowerCase() ?? ''
