import { buildGuest } from "./guest/build.ts";

const image = await buildGuest({ progress: (text) => console.error(`${text} ...`) });
console.log(`kernel ${image.kernel}\ninitrd ${image.initrd}`);
