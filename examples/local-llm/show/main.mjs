// node show/main.mjs --everstream BINARY --model FILE --python BINARY

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { followInBrowser } from './browser.mjs'
import { askAndKill } from './killed.mjs'
import { endAll, read, run, serve, start } from './process.mjs'
import { askInBackground, body, closeReason, counts, MODEL, replay, textOf } from './stream.mjs'
import { runChecks, same } from './table.mjs'

const PROMPT = 'Why is the sky blue?'
const LONG_PROMPT = 'Tell a long story about a river.'

const { values: paths } = parseArgs({
  options: { everstream: { type: 'string' }, model: { type: 'string' }, python: { type: 'string' } }
})
const scratch = await mkdtemp(join(tmpdir(), 'everstream-local-llm-'))
let passed = false
try {
  passed = await show()
} finally {
  await endAll()
  await rm(scratch, { recursive: true })
}
process.exitCode = passed ? 0 : 1

async function show() {
  const here = new URL('..', import.meta.url).pathname
  const model = await serve('node', [join(here, 'server.mjs'), '--model', paths.model, '--listen', '127.0.0.1:0'])
  const config = join(scratch, 'everstream.toml')
  await writeFile(config, `[upstreams.local]\nmount = "/local"\nurl = "${model.url}"\ndialect = "openai-chat"\n`)
  const flags = ['--config', config, '--listen', '127.0.0.1:0', '--data-dir', join(scratch, 'data')]
  const everstream = await serve(paths.everstream, ['serve', ...flags])
  const base = `${everstream.url}/local/v1`

  const canonical = await direct(model.url, PROMPT)
  console.log(`${MODEL} was asked: ${PROMPT}\n${canonical.text}`)
  console.log(`(${canonical.tokens} tokens at ${canonical.rate.toFixed(0)} a second, asked directly)\n`)
  const whole = (text) => {
    // The command ends its output with a line end, as commands do; the text is before it.
    same(text.trimEnd(), canonical.text.trimEnd())
    return `${text.length} characters, the same`
  }

  return runChecks([
    ['everstream ask', async () => whole(await run(paths.everstream, ['ask', base, '-m', MODEL, PROMPT]))],
    ['everstream ask, killed in mid-answer and resumed', async () => {
      const wholes = await askAndKill(paths.everstream, base, MODEL, PROMPT, scratch)
      wholes.forEach(({ text }) => whole(text))
      return `killed after ${wholes.map(({ cut }) => cut).join(', ')} characters, the same each time`
    }],
    ['curl -N', async () => whole(textOf(await run('curl', ['-sSN', `${base}/chat/completions`, '--json', body(PROMPT)])))],
    ['the official OpenAI SDK for Python', async () => {
      return whole(await run(paths.python, [join(here, 'show', 'sdk.py'), base, MODEL, PROMPT]))
    }],
    ['EventSource in Chromium', async () => {
      const { url } = await askInBackground(everstream.url, PROMPT)
      return whole(await followInBrowser(everstream.url, url))
    }],
    ['a second viewer, and no second generation', async () => {
      const before = await counts(model.url)
      const { url } = await askInBackground(everstream.url, PROMPT)
      const texts = await Promise.all([1, 2, 3].map(() => replay(url).then(textOf)))
      const started = (await counts(model.url)).started - before.started
      if (started !== 1) throw new Error(`the model was asked ${started} times`)
      texts.forEach(whole)
      return `${texts.length} viewers, 1 generation`
    }],
    ['Stop reaches the model', () => stopReachesTheModel(everstream.url, model.url)]
  ])
}

/** The answer as the model gives it without Everstream, and how fast. */
async function direct(model, prompt) {
  const started = performance.now()
  const response = await fetch(`${model}/v1/chat/completions`, { method: 'POST', body: body(prompt, { stream: false }) })
  const { choices, usage } = await response.json()
  const seconds = (performance.now() - started) / 1000
  return { text: choices[0].message.content, tokens: usage.completion_tokens, rate: usage.completion_tokens / seconds }
}

async function stopReachesTheModel(everstream, model) {
  const { aborted } = await counts(model)
  const { url, stopUrl } = await askInBackground(everstream, LONG_PROMPT)
  const viewer = await fetch(url, { headers: { accept: 'text/event-stream' } })
  const reader = viewer.body.getReader()
  let seen = ''
  while (!seen.includes('"content":"')) seen += Buffer.from((await reader.read()).value).toString()
  const stopped = performance.now()
  await fetch(stopUrl, { method: 'POST' })
  while ((await counts(model)).aborted === aborted) {
    if (performance.now() - stopped > 10_000) throw new Error('the model goes on after ten seconds')
  }
  const ms = performance.now() - stopped
  const reason = closeReason(await replay(url))
  if (reason !== 'stopped') throw new Error(`the stream says ${reason}`)
  return `generation ended ${ms.toFixed(0)} ms after Stop, the stream says ${reason}`
}
