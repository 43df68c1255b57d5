/** Taken by a constructed style sheet, which no host page's Content-Security-Policy refuses. Important rules of a shadow
 *  host win over everything the page says about it. On the left the box runs right to left, so that one rule places
 *  both. The launcher's icon is white below a lightness of 49, where white has 4.5:1, else black. Kept without spaces:
 *  these bytes go to every page. */
export const styles =
  ':host{all:initial!important}' +
  '@media print{:host{display:none!important}}' +
  '*{box-sizing:border-box}' +
  '.right,.left{font:14px/1.4 Inter,system-ui,sans-serif}' +
  '.left{direction:rtl}' +
  'button{font:inherit;color:inherit;padding:0;border:0;background:none;cursor:pointer;text-align:start;unicode-bidi:plaintext;border-radius:10px}' +
  ':focus-visible{outline:2px solid light-dark(#15181e,#eceef2);outline-offset:3px}' +
  'svg{width:26px;fill:none;stroke:currentColor;stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round}' +
  '.launch,.poke,.panel{position:fixed;z-index:2147483000;inset-inline-end:24px;bottom:24px;background:light-dark(#fff,#15171b);color:light-dark(#15181e,#eceef2);border-radius:16px;box-shadow:0 0 0 1px #8883,0 8px 32px #0004}' +
  '.launch,.x{display:grid;place-items:center;width:56px;height:56px}' +
  '.launch{border-radius:50%;background:var(--brand);color:#fff;color:lch(from var(--brand) calc((49 - l)*infinity) 0 0)}' +
  '.launch:hover{filter:brightness(1.15)}' +
  '.launch svg+svg,.open svg:first-child,.open .count{display:none}' +
  '.open svg+svg{display:block}' +
  '.count:empty{display:none}' +
  '.count{position:absolute;top:-4px;inset-inline-end:-4px;min-width:22px;border-radius:16px;background:#c22a28;color:#fff;font:600 12px/22px system-ui;text-align:center}' +
  '.poke{inset-inline-end:92px;display:flex;max-width:min(320px,100vw - 100px);padding-inline-start:16px}' +
  '.x svg{width:18px}' +
  '.panel .x{position:absolute;top:0;inset-inline-end:0}' +
  '.panel{bottom:92px;width:380px;height:min(640px,100vh - 116px);overflow:hidden;visibility:hidden;opacity:0}' +
  '.open .panel{visibility:visible;opacity:1;transition:opacity 90ms}' +
  'iframe{width:100%;height:100%;border:0}' +
  '@media(max-width:479.98px){' +
  '.launch{inset-inline-end:16px;bottom:16px}' +
  '.poke{inset-inline-end:84px;bottom:16px}' +
  '.panel{inset:var(--top) 0 auto;width:100%;height:var(--height);border-radius:0}' +
  '.open .launch{display:none}' +
  '}'
