const escaped = (text: string) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`)

/** What a stand-in shows where the vendor asks whether Foyer may: both answers are the address asked for, with `consent` added. */
export function consentPage(asked: URL, of: { vendor: string; account: string; scopes: string[] }): Response {
  const answer = (consent: string) => {
    const address = new URL(asked)
    address.searchParams.set('consent', consent)
    return escaped(address.pathname + address.search)
  }
  const { vendor, account, scopes } = of
  const listed = scopes.map((scope) => `<li><code>${escaped(scope)}</code></li>`).join('')
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${vendor} (stand-in)</title>
<style>
  :root { color-scheme: light dark; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#f3f4f6, #16181c); color: light-dark(#1b1f24, #eceef1); }
  main { box-sizing: border-box; width: min(440px, 100vw - 32px); padding: 28px 32px; border: 1px solid light-dark(#d9dce1, #363b42); border-radius: 10px; background: light-dark(#fff, #1f2227); }
  h1 { margin: 0 0 4px; font-size: 20px; }
  p { margin: 0 0 12px; color: light-dark(#59616b, #a3abb5); }
  ul { margin: 0 0 20px; padding-inline-start: 20px; overflow-wrap: anywhere; }
  nav { display: flex; gap: 8px; }
  a { padding: 8px 18px; border: 1px solid light-dark(#c3c8cf, #4a5059); border-radius: 6px; color: inherit; text-decoration: none; font-weight: 600; }
  a:first-child { border-color: #2459d8; background: #2459d8; color: #fff; }
  a:focus-visible { outline: 2px solid #2459d8; outline-offset: 2px; }
</style>
<main>
  <h1>Allow access?</h1>
  <p>Foyer asks for access to the ${vendor} account ${escaped(account)}:</p>
  <ul>${listed}</ul>
  <nav><a href="${answer('allow')}">Allow</a><a href="${answer('deny')}">Deny</a></nav>
  <p style="margin: 20px 0 0; font-size: 13px">This is a stand-in for ${vendor} that runs on your machine. Nothing leaves it.</p>
</main>
</html>
`
  return new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } })
}
