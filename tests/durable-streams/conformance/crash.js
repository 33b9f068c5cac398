// A data directory with a past: streams of all kinds, and a server that was killed in the midst of appends to them.

const STREAMS = 40
/** So many appends are acknowledged before the kill. */
const ACKNOWLEDGED_MIN = 10 * STREAMS
const TEXT = { 'content-type': 'text/plain' }
const JSON_TYPE = { 'content-type': 'application/json' }

/** Fills the server and kills it while an append to each stream is on its way; returns the text each stream acknowledged. */
export async function leaveWreck(server) {
  const base = `${server.url}/v1/stream/wreck`
  await Promise.all(others(base))
  const acknowledged = new Map()
  let count = 0
  let enough
  const killed = new Promise((resolve) => (enough = resolve)).then(() => server.kill())
  const write = async (path) => {
    await fetch(base + path, { method: 'PUT', headers: TEXT })
    acknowledged.set(path, '')
    // Until the server is gone.
    for (let n = 0; ; n += 1) {
      const response = await fetch(base + path, { method: 'POST', headers: TEXT, body: `${n};` })
      if (response.status !== 204) throw new Error(`an append was answered ${response.status}`)
      acknowledged.set(path, `${acknowledged.get(path)}${n};`)
      count += 1
      if (count >= ACKNOWLEDGED_MIN) enough()
    }
  }
  const writers = Array.from({ length: STREAMS }, (_, n) => write(`/${n}`))
  await Promise.all([Promise.allSettled(writers), killed])
  return { acknowledged, count }
}

/** Closed, expiring and deleted streams. */
function others(base) {
  return [
    fetch(`${base}/closed`, { method: 'PUT', headers: { ...JSON_TYPE, 'stream-closed': 'true' }, body: '[1,2]' }),
    fetch(`${base}/short`, { method: 'PUT', headers: { ...TEXT, 'stream-ttl': '1' }, body: 'x' }),
    fetch(`${base}/deleted`, { method: 'PUT', headers: TEXT, body: 'x' }).then(() =>
      fetch(`${base}/deleted`, { method: 'DELETE' }),
    ),
  ]
}

/** What a server that reopened the directory lost of it, a line for each fault. */
export async function losses(server, acknowledged) {
  const faults = []
  for (const [path, text] of acknowledged) {
    const held = await (await fetch(`${server.url}/v1/stream/wreck${path}`)).text()
    // The append that was on its way may be there or not.
    if (!held.startsWith(text)) faults.push(`wreck${path} acknowledged "${text}" and holds "${held}"`)
  }
  const gone = await fetch(`${server.url}/v1/stream/wreck/deleted`)
  if (gone.status !== 404) faults.push(`wreck/deleted is answered ${gone.status}`)
  return faults
}
