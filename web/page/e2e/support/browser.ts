import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

/** Quiet, and without a word to anybody but the server under test. Each launch has a profile of its own. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is not there: install Chromium (apt-get install chromium) or set CHROMIUM`)
  }
  return await chromium.launch({ executablePath, headless: true, args: FLAGS })
}
