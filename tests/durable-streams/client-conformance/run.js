// run.js BINARY CHECKOUT [ADAPTER]: runs the protocol's cases for clients against the binary, with its TypeScript client,
// or with the one that the program ADAPTER drives: the checkout has one for each language, to be built as it says.
//
// The cases are in no registry, so they come from a checkout of github.com/durable-streams/durable-streams. Their runner
// starts a server of its own; here it is given Everstream in its place. Cases that make that server fail on purpose are
// left out: a case says so by an operation `inject-error`.

import { spawn } from 'node:child_process'
import { access, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import { parse, stringify } from 'yaml'

import { startServer } from '../server.js'

const HERE = import.meta.dirname
const MODULES = join(HERE, '../node_modules')
/** What the copied runner imports, apart from the server in whose place we are. */
const PACKAGES = ['@durable-streams/client', 'fast-check', 'tsx', 'yaml', '.bin']
/** The runner's server waits so long. */
const LONG_POLL_TIMEOUT = '500ms'

/** What Everstream does otherwise on purpose, and the cases that want it, with the failure that shows it. */
const OTHERWISE = [
  {
    why: 'a line of text that begins with spaces keeps all of them',
    cases: {
      'sse-strips-single-leading-space': 'Expected data " two leading spaces", got "  two leading spaces"',
    },
  },
  {
    // Seen with clients that write JSON with spaces. The numbers in it stay as they are for the same reason.
    why: 'JSON is kept as it was sent, and not parsed and written anew',
    cases: {
      'autoclaim-with-pipelining-json': missing('["msg":0, "msg":5, "msg":9]'),
      'client-deduplication-works':
        'Expected data "[{"msg":"first"},{"msg":"second"}]", got "[{"msg": "first"},{"msg": "second"}]"',
      'concurrent-json-batches-all-delivered': missing('["id":0, "id":5, "id":9]'),
      'json-batch-multiple-items': missing('["id":1, "id":2, "id":3]'),
      'json-batch-nested-arrays': missing('[[1,2,3], [4,5,6]]'),
      'json-batch-single-item': 'Expected data "[{"message":"hello"}]", got "[{"message": "hello"}]"',
      'ordering-preserved-in-stream': missing('["seq":0, "seq":1, "seq":2]'),
    },
  },
]

function missing(parts) {
  return `Expected data to contain all of ${parts}, missing: ${parts}`
}

/** The package of the cases in `dir`, with what it imports; says how many cases were left out. */
async function prepare(dir, checkout) {
  const source = join(checkout, 'packages/client-conformance-tests')
  await access(source)
  for (const part of ['src', 'test-cases', 'package.json']) await cp(join(source, part), join(dir, part), { recursive: true })
  for (const name of PACKAGES) await link(join(MODULES, name), join(dir, 'node_modules', name))
  await link(join(HERE, 'server'), join(dir, 'node_modules/@durable-streams/server'))
  let leftOut = 0
  for (const file of await readdir(join(dir, 'test-cases'), { recursive: true })) {
    if (file.endsWith('.yaml')) leftOut += await leaveFaultsOut(join(dir, 'test-cases', file))
  }
  return leftOut
}

async function link(target, path) {
  await mkdir(dirname(path), { recursive: true })
  await symlink(target, path)
}

async function leaveFaultsOut(file) {
  const suite = parse(await readFile(file, 'utf8'))
  const kept = suite.tests.filter((test) => !JSON.stringify(test).includes('"action":"inject-error"'))
  await writeFile(file, stringify({ ...suite, tests: kept }))
  return suite.tests.length - kept.length
}

/** What the runner prints. */
function runCases(dir, url, adapter) {
  const runner = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', '--run', adapter], {
    cwd: dir,
    env: { ...process.env, EVERSTREAM_STREAMS_URL: `${url}/v1/stream` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  runner.stdout.on('data', (chunk) => (output += chunk))
  return new Promise((done) => runner.once('exit', () => done(output)))
}

/** The failures of the runner's last section. */
function failures(output) {
  const lines = output.split('Failed tests:\n')[1]?.split('\n') ?? []
  return lines.map((line) => /^ {2}- [^/:]+\/([^:]+): (.*)$/.exec(line)).filter(Boolean).map(([, id, error]) => ({ id, error }))
}

const [binary, checkout, adapter = 'ts'] = process.argv.slice(2)
if (!binary || !checkout) throw new Error('usage: run.js BINARY CHECKOUT [ADAPTER]')
const dir = await mkdtemp(join(tmpdir(), 'everstream-cases-'))
try {
  const leftOut = await prepare(dir, resolve(checkout))
  const server = await startServer(binary, join(dir, 'data'), ['--long-poll-timeout', LONG_POLL_TIMEOUT])
  const output = await runCases(dir, server.url, adapter)
  const stopped = await server.stop()
  const count = (word) => Number(new RegExp(`^${word}: (\\d+)`, 'm').exec(output)?.[1] ?? 0)
  const failed = failures(output)
  const reason = ({ id, error }) => OTHERWISE.find(({ cases }) => cases[id] === error)?.why
  const unexpected = failed.filter((failure) => !reason(failure))
  console.log(`${count('Passed')} passed, ${unexpected.length} failed; left out: ${leftOut} with injected errors,`,
    `${count('Skipped')} that the runner skips for this client`)
  for (const failure of failed) if (reason(failure)) console.log(`otherwise on purpose, ${reason(failure)}: ${failure.id}`)
  for (const { id, error } of unexpected) console.error(`  ${id}: ${error}`)
  if (stopped) console.error(`  ${stopped}`)
  process.exitCode = unexpected.length > 0 || stopped || count('Passed') === 0 ? 1 : 0
} finally {
  await rm(dir, { recursive: true, force: true })
}
