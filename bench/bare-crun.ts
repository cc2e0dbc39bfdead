import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { isolated, run } from "./measure.ts"

/** crun refuses hybrid hosts with controllers on v2: there it runs where it does not see them. */
const outOfSight = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'

/** `crun run` of the same program without any engine: what no engine can be faster than, with the runtime's own cgroups. */
export async function bareCrun(root: string, rounds: number): Promise<number | undefined> {
  const rootfs = `${root}/rootfs`
  for (const folder of ["bin", "proc", "sys", "dev"]) mkdirSync(`${rootfs}/${folder}`, { recursive: true })
  copyFileSync("/bin/busybox", `${rootfs}/bin/busybox`)
  symlinkSync("busybox", `${rootfs}/bin/true`)
  await run(["sh", "-c", `cd ${root} && crun spec`])
  const spec = JSON.parse(await run(["cat", `${root}/config.json`]))
  spec.process.terminal = false
  spec.process.args = ["/bin/true"]
  spec.root.readonly = false
  writeFileSync(`${root}/config.json`, JSON.stringify(spec))
  try {
    const hide = existsSync("/sys/fs/cgroup/unified") ? ["unshare", "--mount", "sh", "-c", outOfSight, "sh"] : []
    return await isolated(rounds, (round) =>
      run([...hide, "crun", "--root", `${root}/state`, "run", "-b", root, `bench${round}`]),
    )
  } catch (error) {
    console.error(`crun alone does not run here: ${(error as Error).message.split("\n")[0]}`)
    return undefined
  }
}
