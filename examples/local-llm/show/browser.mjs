// A plain EventSource in Chromium.

import { chromium } from 'playwright-core'

/** Opens a page of `everstream` and follows `url` there; resolves with the text of the answer. */
export async function followInBrowser(everstream, url) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    await page.goto(everstream)
    return await page.evaluate(follow, url)
  } finally {
    await browser.close()
  }
}

/** Runs in the page. */
function follow(url) {
  return new Promise((resolve) => {
    let text = ''
    const events = new EventSource(url)
    events.onmessage = ({ data }) => {
      if (data !== '[DONE]') text += JSON.parse(data).choices[0]?.delta.content ?? ''
    }
    events.addEventListener('close', () => {
      events.close()
      resolve(text)
    })
  })
}
