import { constants } from "node:os"

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, number]) => [number, name]))
names.set(11, "EAGAIN")
names.set(15, "ENOTBLK")
names.set(54, "EXFULL")
names.set(95, "EOPNOTSUPP")

/** `ENOENT` for 2, and so on; `E<number>` for a number that the platform does not name. */
export const errnoName = (number: number): string => names.get(number) ?? `E${number}`
