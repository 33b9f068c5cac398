// What the cases' runner starts as its own server: Everstream, which runs already.

export class DurableStreamTestServer {
  url = process.env.EVERSTREAM_STREAMS_URL

  async start() {
    return this.url
  }

  async stop() {}
}
