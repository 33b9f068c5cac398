// What the demonstration asks of the two servers over plain HTTP.

export const MODEL = 'smollm2-135m-instruct'

export function body(prompt, options = {}) {
  return JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: prompt }], stream: true, ...options })
}

/** The text of an answer, from the bytes of an event stream. */
export function textOf(stream) {
  const data = stream.split('\n').filter((line) => line.startsWith('data: {')).map((line) => line.slice(6))
  return data.map((json) => JSON.parse(json).choices?.[0]?.delta?.content ?? '').join('')
}

/** Asks without waiting for the answer; resolves with the answer's stream. */
export async function askInBackground(everstream, prompt) {
  const response = await fetch(`${everstream}/local/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'respond-async' },
    body: body(prompt)
  })
  if (response.status !== 202) throw new Error(`the ask was answered ${response.status}: ${await response.text()}`)
  const { url, stop_url: stopUrl } = await response.json()
  return { url: new URL(url, everstream).href, stopUrl: new URL(stopUrl, everstream).href }
}

/** The stream's events as text, from the start to its end. */
export async function replay(url) {
  const response = await fetch(url, { headers: { accept: 'text/event-stream' } })
  return response.text()
}

/** The reason of the close event at the end of a replayed stream. */
export function closeReason(stream) {
  const close = stream.match(/^event: close\ndata: (.*)$/m)
  return close ? JSON.parse(close[1]).reason : 'none'
}

export async function counts(model) {
  return (await fetch(`${model}/counts`)).json()
}
