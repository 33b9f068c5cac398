// run.js BINARY CHECKOUT: runs the suite of the Durable Streams proxy protocol against the binary.
//
// The suite is in no registry, so it comes from a checkout of github.com/durable-streams/durable-streams. It plays the
// upstream itself, and calls the proxy with a secret and an allow-list that are written into it.

import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

import { startServer } from '../server.js'

const HERE = import.meta.dirname
const MODULES = join(HERE, '../node_modules')
/** What the suite had at commit 82f9963; a run with fewer tests proves less than it says. */
const TESTS = 110
const SUITE_MS_MAX = 300_000

/** What the suite takes for granted of a proxy that it does not start itself. */
const CONFIGURATION = `
proxy_secret = "test-secret-key-for-development"
proxy_allow = [
  "http://localhost:*/**",
  "https://api.openai.com/**",
  "https://api.anthropic.com/v1/*",
  "https://*.example.com/api/**",
]
`

/** The suite's package in `dir`, with what it imports. The server of streams is imported and not started. */
async function prepare(dir, checkout) {
  await cp(join(checkout, 'packages/proxy/src'), join(dir, 'src'), { recursive: true })
  await writeFile(join(dir, 'package.json'), '{ "private": true, "type": "module" }')
  await writeFile(join(dir, 'vitest.config.js'), 'export default { test: { include: ["src/**/*.test.ts"] } }')
  for (const name of ['@durable-streams/client', 'vitest']) await link(join(MODULES, name), join(dir, 'node_modules', name))
  await link(join(HERE, '../client-conformance/server'), join(dir, 'node_modules/@durable-streams/server'))
}

async function link(target, path) {
  await mkdir(dirname(path), { recursive: true })
  await symlink(target, path)
}

/** Runs the suite against `url` and returns every test with its outcome. */
async function suite(dir, url) {
  const output = join(dir, 'results.json')
  const args = [join(MODULES, 'vitest/vitest.mjs'), 'run', '--root', dir, '--reporter=json', `--outputFile=${output}`]
  const env = { ...process.env, PROXY_CONFORMANCE_URL: url, NO_COLOR: '1' }
  const options = { cwd: dir, env, timeout: SUITE_MS_MAX, maxBuffer: 64 << 20 }
  const complaint = await promisify(execFile)(process.execPath, args, options).then(() => '', (error) => error.stderr || String(error))
  const results = await readFile(output, 'utf8').catch(() => Promise.reject(new Error(`the suite did not run: ${complaint}`)))
  return JSON.parse(results).testResults.flatMap((file) => file.assertionResults)
}

const [binary, checkout] = process.argv.slice(2)
if (!binary || !checkout) throw new Error('usage: run.js BINARY CHECKOUT')
const dir = await mkdtemp(join(tmpdir(), 'everstream-proxy-'))
try {
  await prepare(dir, resolve(checkout))
  const configuration = join(dir, 'everstream.toml')
  await writeFile(configuration, CONFIGURATION)
  const server = await startServer(resolve(binary), join(dir, 'data'), ['--config', configuration])
  const tests = await suite(dir, server.url)
  const stopped = await server.stop()
  const passed = tests.filter(({ status }) => status === 'passed')
  const faults = tests.filter(({ status }) => status !== 'passed').map((test) => `${test.fullName}: ${test.failureMessages?.[0]}`)
  if (tests.length < TESTS) faults.push(`there are ${tests.length} tests; there were ${TESTS}`)
  if (stopped) faults.push(stopped)
  faults.push(...server.complaints.filter((line) => line.includes(' ERROR ')))
  console.log(`${passed.length} passed, ${tests.length - passed.length} failed`)
  for (const fault of faults) console.error(`  ${fault}`)
  process.exitCode = faults.length > 0 ? 1 : 0
} finally {
  await rm(dir, { recursive: true, force: true })
}
