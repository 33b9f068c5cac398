import { equal } from 'node:assert/strict'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'

const TESTIDS = { status: 'status', records: 'records', resumes: 'resumes', lost: 'lost', repeated: 'repeated' } as const
type Fact = keyof typeof TESTIDS

/** One person at the page: what they can see and press. */
export class Viewer {
  readonly context: BrowserContext
  /** Errors the page threw, and what its content policy refused. None is ever expected. */
  readonly faults: string[] = []

  constructor(readonly page: Page) {
    this.context = page.context()
    page.on('pageerror', (error) => this.faults.push(String(error)))
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) this.faults.push(message.text())
    })
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Viewer> {
    const context = await browser.newContext(options)
    const viewer = new Viewer(await context.newPage())
    await viewer.page.goto(url)
    return viewer
  }

  async ask(question: string): Promise<void> {
    await this.page.getByLabel('Question').fill(question)
    await this.press('Ask')
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click()
  }

  /** Waits until the page says so. */
  async sees(fact: Fact, expected: string): Promise<void> {
    const selector = `[data-testid=${TESTIDS[fact]}]`
    await this.page.waitForFunction(
      ([where, what]) => document.querySelector(where)?.textContent.trim() === what,
      [selector, expected] as const,
    )
  }

  /** Waits until at least so many events have arrived: the middle of an answer. */
  async hasEvents(count: number): Promise<void> {
    await this.page.waitForFunction(
      (least) => Number(document.querySelector('[data-testid=records]')?.textContent) >= least,
      count,
    )
  }

  async count(fact: Fact): Promise<number> {
    return Number(await this.page.getByTestId(TESTIDS[fact]).textContent())
  }

  async answer(): Promise<string> {
    return (await this.page.getByTestId('answer').textContent()) ?? ''
  }

  /** The path of the stream in the address, as a share link has it. */
  get streamPath(): string {
    return decodeURIComponent(new URL(this.page.url()).hash.slice('#/s/'.length))
  }

  /** What every viewer of every stream must be able to say. */
  async lostNothing(): Promise<void> {
    equal(await this.count('lost'), 0, 'records lost')
    equal(await this.count('repeated'), 0, 'records repeated')
  }

  async close(): Promise<void> {
    await this.context.close()
    equal(this.faults.join('\n'), '')
  }
}
