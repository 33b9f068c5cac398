// conformance.js BINARY: runs the suite of Durable Streams for servers against the binary with the disk engine, at each
// durability and once more on a data directory whose server was killed. Every core test has to pass in every run.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { startServer } from '../server.js'
import { leaveWreck, losses } from './crash.js'

/** What the pinned version of the suite has; a run with fewer tests proves less than it says. */
const CORE_TESTS = 332
/** Opt-in: subscriptions by webhook, which Everstream does not speak. */
const LEFT_OUT = { group: 'Reserved subscription APIs', tests: 6 }
/** Below the 5 s for which the suite's clients wait. */
const LONG_POLL_TIMEOUT_MS = 2_000
const SUITE_MS_MAX = 300_000

const RUNS = [
  { name: 'durability memory', durability: 'memory' },
  { name: 'durability os', durability: 'os' },
  { name: 'durability fsync', durability: 'fsync' },
  { name: 'killed and reopened', durability: 'os', isWreck: true },
]

async function run(binary, filter, { name, durability, isWreck }) {
  const dir = await mkdtemp(join(tmpdir(), 'everstream-conformance-'))
  const flags = ['--durability', durability, '--long-poll-timeout', `${LONG_POLL_TIMEOUT_MS}ms`]
  const dataDir = join(dir, 'data')
  const faults = []
  try {
    let server = await startServer(binary, dataDir, flags)
    let past = ''
    if (isWreck) {
      const { acknowledged, count } = await leaveWreck(server)
      server = await startServer(binary, dataDir, flags)
      faults.push(...(await losses(server, acknowledged)))
      past = `, ${count} appends acknowledged before the kill`
    }
    const results = await suite(server.url, join(dir, 'results.json'), filter)
    faults.push(...judge(results, filter), ...[await server.stop()].filter(Boolean))
    faults.push(...server.complaints.filter((line) => line.includes(' ERROR ')))
    const seconds = results.seconds.toFixed(1)
    const counts = `${results.passed} passed, ${results.failed.length} failed, ${results.skipped.length} left out`
    return { name, faults, line: `${name}: ${counts} in ${seconds} s${past}` }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Runs the suite against `url` and sums its results up. */
async function suite(url, output, filter) {
  const start = performance.now()
  const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--root', import.meta.dirname, '--reporter=json', `--outputFile=${output}`]
  if (filter) args.push('-t', filter)
  const env = { ...process.env, EVERSTREAM_URL: url, LONG_POLL_TIMEOUT_MS: String(LONG_POLL_TIMEOUT_MS), NO_COLOR: '1' }
  const options = { env, timeout: SUITE_MS_MAX, maxBuffer: 64 << 20 }
  const ended = await promisify(execFile)(process.execPath, args, options).catch((error) => error)
  const text = await readFile(output, 'utf8').catch(() => {
    throw new Error(`the suite did not run: ${ended.stderr || ended.message}`)
  })
  const tests = JSON.parse(text).testResults.flatMap((file) => file.assertionResults)
  return {
    seconds: (performance.now() - start) / 1000,
    passed: tests.filter((test) => test.status === 'passed').length,
    failed: tests.filter((test) => test.status === 'failed'),
    skipped: tests.filter((test) => test.status !== 'passed' && test.status !== 'failed'),
  }
}

/** What is wrong with results: a line for each fault. */
function judge({ passed, failed, skipped }, filter) {
  const faults = failed.map((test) => `${test.fullName}: ${firstLines(test.failureMessages[0])}`)
  if (filter) return faults
  if (passed + failed.length !== CORE_TESTS) faults.push(`${passed + failed.length} tests ran, not ${CORE_TESTS}`)
  const others = skipped.filter((test) => test.ancestorTitles[0] !== LEFT_OUT.group)
  faults.push(...others.map((test) => `${test.fullName}: left out`))
  if (skipped.length !== LEFT_OUT.tests) faults.push(`${skipped.length} tests left out, not ${LEFT_OUT.tests}`)
  return faults
}

function firstLines(message = 'no message') {
  return message.split('\n').slice(0, 3).join(' | ')
}

const [binary, filter] = process.argv.slice(2)
if (!binary) throw new Error('usage: run.js BINARY [FILTER]')
// All at once: the suite mostly waits.
const outcomes = await Promise.all(RUNS.map((each) => run(binary, filter, each)))
for (const { name, faults, line } of outcomes) {
  console.log(line)
  for (const fault of faults) console.error(`  ${name}: ${fault}`)
}
process.exitCode = outcomes.some(({ faults }) => faults.length > 0) ? 1 : 0
