import { anyArgs, command } from "../command.ts"
import { type Candidate, complete as candidatesFor } from "../completion/candidates.ts"
import { objectNames } from "../completion/objects.ts"
import { connect } from "../connect.ts"
import { parseFlags } from "../flags/parse.ts"
import { globalFlags } from "../global-flags.ts"
import { groups, topNames } from "../table/root.ts"

/** What completion scripts call; the words up to the cursor, without the program's name, are the arguments. */
export const complete = command({
  use: "__complete -- WORD...",
  args: anyArgs,
  interspersed: false,
  flags: {},
  run: async ({ args, docker, out, program, config }) => {
    const globals = globalFlags()
    const { candidates, files } = await candidatesFor(args, {
      globals,
      groups,
      top: topNames(),
      objects: async (kind) => {
        const { values, given } = parseFlags(globals, args, false)
        if (given.size === 0) return objectNames(docker, kind)
        const chosen = connect({ program, globals: values, config })
        try {
          return await objectNames(chosen, kind)
        } finally {
          chosen.close()
        }
      },
    })
    const line = ({ word, about }: Candidate) => (about ? `${word}\t${about}` : word)
    out.write([...candidates.map(line), ...(files ? [":files"] : [])].map((each) => `${each}\n`).join(""))
  },
})
