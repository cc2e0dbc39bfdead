import { command, noArgs } from "../../command.ts"

/** The other end of `ssh://` hosts: standard input and output become a connection to the daemon. */
export const dialStdio = command({
  use: "dial-stdio",
  args: noArgs,
  flags: {},
  run: async ({ docker, out }) => {
    const wire = await docker.transport.open()
    const over = new Promise<void>((resolve, reject) => {
      wire.on("data", (bytes) => out.write(bytes))
      wire.on("end", resolve)
      wire.on("close", resolve)
      wire.on("error", reject)
    })
    const send = async () => {
      for await (const chunk of process.stdin)
        if (!wire.write(chunk as Buffer)) await new Promise<void>((resolve) => wire.on("drain", resolve))
      wire.end()
    }
    await Promise.race([over, send().then(() => over)])
  },
})
