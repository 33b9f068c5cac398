// The language model, behind the three things the server asks of it.

import { getLlama, LlamaChatSession } from 'node-llama-cpp'

import { Refusal } from './chat.mjs'

const CONTEXT_TOKENS = 2048
/** Tokens that the chat template puts around a message, rounded up. */
const TEMPLATE_TOKENS = 8

/** Loads the GGUF file at `path`. `build: 'never'`: the npm package carries the binary, and nothing is compiled here. */
export async function openModel({ path, name, threads }) {
  const llama = await getLlama({ build: 'never', gpu: false, maxThreads: threads, logLevel: 'error' })
  const model = await llama.loadModel({ modelPath: path })
  const context = await model.createContext({ contextSize: CONTEXT_TOKENS, threads })
  return new Model(name, model, context.getSequence())
}

class Model {
  #model
  #sequence

  constructor(name, model, sequence) {
    this.name = name
    this.#model = model
    this.#sequence = sequence
  }

  /** Refuses a conversation that leaves no room for its answer. */
  check({ messages, tokensMax }) {
    const tokens = messages.map(({ content }) => this.#model.tokenize(content).length + TEMPLATE_TOKENS)
    const sum = tokens.reduce((a, b) => a + b)
    if (sum + tokensMax > CONTEXT_TOKENS) {
      const message = `${sum} tokens of messages and ${tokensMax} of answer are more than ${CONTEXT_TOKENS}`
      throw new Refusal(400, message, { param: 'messages', code: 'context_length_exceeded' })
    }
  }

  /** Answers, calling `onText` with each piece as it is made. Rejects as soon as `signal` aborts. */
  async generate({ messages, tokensMax, temperature, seed, stop }, { signal, onText }) {
    // Each answer starts from an empty context, so that the same request has the same answer whatever came before.
    await this.#sequence.clearHistory()
    const before = this.#sequence.tokenMeter.getState()
    const session = new LlamaChatSession({ contextSequence: this.#sequence })
    try {
      session.setChatHistory(messages.slice(0, -1).map(historyItem))
      const { stopReason } = await session.promptWithMeta(messages.at(-1).content, {
        signal,
        maxTokens: tokensMax,
        temperature,
        seed,
        customStopTriggers: stop,
        onTextChunk: onText
      })
      const used = this.#sequence.tokenMeter.diff(before)
      const usage = {
        prompt_tokens: used.usedInputTokens,
        completion_tokens: used.usedOutputTokens,
        total_tokens: used.usedInputTokens + used.usedOutputTokens
      }
      return { finishReason: stopReason === 'maxTokens' ? 'length' : 'stop', usage }
    } finally {
      session.dispose({ disposeSequence: false })
    }
  }
}

function historyItem({ role, content }) {
  switch (role) {
    case 'user':
      return { type: 'user', text: content }
    case 'assistant':
      return { type: 'model', response: [content] }
    default:
      return { type: 'system', text: content }
  }
}
