// node server.mjs --model FILE [--name NAME] [--listen HOST:PORT] [--threads N]

import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'

import { createApp } from './app.mjs'
import { openModel } from './model.mjs'

/** Two threads are fastest on two idle cores, but they spin for each other: where others want the cores, one is. */
function threadsHere() {
  return loadavg()[0] < 1 ? Math.min(2, availableParallelism()) : 1
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    name: { type: 'string', default: 'smollm2-135m-instruct' },
    listen: { type: 'string', default: '127.0.0.1:8010' },
    threads: { type: 'string', default: String(threadsHere()) }
  }
})
if (!values.model) {
  console.error('usage: node server.mjs --model FILE [--name NAME] [--listen HOST:PORT] [--threads N]')
  process.exit(2)
}

const [, host, port] = values.listen.match(/^(.*):(\d+)$/) ?? []
const model = await openModel({ path: values.model, name: values.name, threads: Number(values.threads) })
const server = createApp(model)
server.listen(Number(port), host, () => {
  const { address, port: bound } = server.address()
  console.log(`listening on http://${address}:${bound}`)
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
