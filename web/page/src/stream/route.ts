/** The stream API's prefix; what follows it is the stream's path. */
const STREAMS = '/v1/stream/'
const SHARE = '#/s/'

/** The URL of a stream, whatever characters its path has (the server says whether they are allowed). */
export function streamUrl(path: string): string {
  return STREAMS + path.split('/').map(encodeURIComponent).join('/')
}

/** The path in a stream's URL, absolute or not; `null` when it is no stream's URL. */
export function streamPath(url: string): string | null {
  const { pathname } = new URL(url, 'http://localhost')
  return pathname.startsWith(STREAMS) ? decode(pathname.slice(STREAMS.length)) : null
}

/** The stream a share link's fragment names, or `null`. The fragment stays in the browser: no log or referrer has it. */
export function pathInHash(hash: string): string | null {
  if (!hash.startsWith(SHARE) || hash.length === SHARE.length) return null
  return decode(hash.slice(SHARE.length))
}

export function hashOf(path: string): string {
  return SHARE + path.split('/').map(encodeURIComponent).join('/')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
