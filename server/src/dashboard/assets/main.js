// Entry of every page. The pages work without any of this; it makes them live and quick.
import { startLive } from "./live.js";
import { startKeys } from "./keys.js";
import { startForms, labelCells } from "./forms.js";

labelCells(document);
startForms();
startKeys();
startLive();
