import { bootstrapImage } from "../../../client/registry.ts"
import { command, Exit, exactly } from "../../command.ts"
import { printProgress } from "../../output/progress.ts"
import { screenOf } from "../../screen.ts"

const families = ["busybox", "debian"]

export const bootstrap = command({
  use: "bootstrap busybox|debian[:SUITE]",
  args: exactly(1),
  flags: {},
  run: async ({ args, docker, out }) => {
    const [name = "", tag = ""] = args[0]!.split(":")
    if (!families.includes(name))
      throw new Exit(1, `no recipe for ${JSON.stringify(name)}; there are ${families.join(" and ")}[:SUITE]`)
    await printProgress(await bootstrapImage(docker.transport, { name, tag }), screenOf(out))
  },
})
