// The command killed in mid-answer and started again.

import { join } from 'node:path'

import { read, run, start } from './process.mjs'

/** Characters after which the command is killed: early, in the middle, late. */
const CUTS = [1, 40, 200, 400]

/** Asks, kills, resumes, once for each cut; resolves with the whole that both prints make, and how it was cut. */
export async function askAndKill(everstream, url, model, prompt, scratch) {
  const wholes = []
  for (const cut of CUTS) {
    const file = join(scratch, `cut-${cut}.ask`)
    const child = start(everstream, ['ask', '--resume-file', file, url, '-m', model, prompt])
    const before = await read(child, (text) => {
      if (text.length >= cut) child.kill('SIGKILL')
    })
    if ((await child.ended) === 0) throw new Error(`the answer was over before ${cut} characters`)
    const after = await run(everstream, ['ask', '--resume-file', file])
    wholes.push({ text: before + after, cut: before.length })
  }
  return wholes
}
