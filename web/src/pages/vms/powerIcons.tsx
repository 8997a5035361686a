import { ArrowCounterclockwiseRegular, PlayRegular, StopRegular } from "@fluentui/react-icons";
import type { ReactElement } from "react";
import type { PowerAction } from "./power";

export const POWER_ICONS: Readonly<Record<PowerAction, ReactElement>> = {
  start: <PlayRegular />,
  powerOff: <StopRegular />,
  restart: <ArrowCounterclockwiseRegular />,
};
