import { anyArgs, command } from "../command.ts"
import { type Candidate, complete as candidatesFor } from "../completion/candidates.ts"
import { contextNames, objectNames } from "../completion/objects.ts"
import { surroundings } from "../connect.ts"
import { parseFlags } from "../flags/parse.ts"
import { globalFlags } from "../global-flags.ts"
import { shownGroups, topNames } from "../table/root.ts"

/** What completion scripts call; the words up to the cursor, without the program's name, are the arguments. */
export const complete = command({
  use: "__complete -- WORD...",
  args: anyArgs,
  interspersed: false,
  flags: {},
  run: async ({ args, out, program, config }) => {
    const globals = globalFlags()
    const { candidates, files } = await candidatesFor(args, {
      globals,
      groups: shownGroups(program),
      top: topNames(),
      objects: async (kind) => {
        if (kind === "variables") return Object.keys(process.env).map((word) => ({ word }))
        const { values } = parseFlags(globals, args, false)
        const { contexts, connect } = surroundings({ program, globals: values, config })
        if (kind === "contexts") return contextNames(contexts)
        const docker = connect()
        try {
          return await objectNames(docker, kind)
        } finally {
          docker.close()
        }
      },
    })
    const line = ({ word, about }: Candidate) => (about ? `${word}\t${about}` : word)
    out.write([...candidates.map(line), ...(files ? [":files"] : [])].map((each) => `${each}\n`).join(""))
  },
})
