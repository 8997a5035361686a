import {
  Link as FluentLink,
  Toast,
  ToastBody,
  Toaster,
  ToastTitle,
  ToastTrigger,
  useId,
  useToastController,
} from "@fluentui/react-components";
import { type ReactNode, useEffect, useRef } from "react";
import { isOfThisPage, type Notice, notices } from "../../notices";
import { t } from "../../text";

const SHOWN_MS = 5000;
const FAILED_MS = 20_000;

/** Says when something ended, also to screen readers. What had ended before this page load is not said again. */
export default function Toasts(): ReactNode {
  const id = useId("toasts");
  const { dispatchToast } = useToastController(id);
  const said = useRef(new Set<string>());

  useEffect(() => {
    function say(): void {
      for (const notice of notices.get()) {
        if (notice.progress === "running" || !isOfThisPage(notice) || said.current.has(notice.id)) continue;
        said.current.add(notice.id);
        const failed = notice.progress === "failed";
        dispatchToast(<Said notice={notice} />, {
          intent: failed ? "error" : "success",
          timeout: failed ? FAILED_MS : SHOWN_MS,
          pauseOnHover: true,
          pauseOnWindowBlur: true,
        });
      }
    }
    say();
    return notices.subscribe(say);
  }, [dispatchToast]);
  return <Toaster toasterId={id} position="bottom-end" limit={4} />;
}

function Said({ notice }: { notice: Notice }): ReactNode {
  const { title, error } = notice;
  return (
    <Toast>
      <ToastTitle
        action={
          <ToastTrigger>
            <FluentLink as="button">{t("common.close")}</FluentLink>
          </ToastTrigger>
        }
      >
        {`${title}: ${t(`frame.${notice.progress}`)}`}
      </ToastTitle>
      {error && <ToastBody subtitle={t("frame.seeNotices")}>{error.message}</ToastBody>}
    </Toast>
  );
}
