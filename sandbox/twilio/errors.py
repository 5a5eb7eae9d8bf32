"""Twilio's error codes that the sandbox gives, with the HTTP status and the words of each."""

CODES: dict[int, tuple[int, str]] = {
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20404: (404, "The requested resource {detail} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    21211: (400, "Invalid 'To' Phone Number: {detail}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region of the 'To' number: {detail}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number provided ({detail}) is not a valid message-capable Twilio phone number."),
    21609: (400, "Invalid 'StatusCallback' URL: {detail}"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21619: (400, "A text message body or media urls must be specified."),
    21623: (400, "Number of media files exceeds allowed limit"),
    21655: (400, "The ContentSid {detail} is Invalid"),
    21656: (400, "The ContentVariables Parameter is invalid"),
    21701: (400, "The Messaging Service {detail} does not exist"),
    21910: (400, "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel"),
    30001: (0, "Queue overflow"),
    30003: (0, "Unreachable destination handset"),
    30005: (0, "Unknown destination handset"),
    30006: (0, "Landline or unreachable carrier"),
    30008: (0, "Unknown error"),
    63003: (0, "Channel could not find To address"),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
    63019: (0, "Media failed to download"),
    63016: (0, "Failed to send freeform message because you are outside the allowed window. Use a Message Template."),
    63024: (0, "Invalid message recipient"),
}  # fmt: skip


class TwilioError(Exception):
    """A request refused with one of CODES."""

    def __init__(self, code: int, detail: str = "") -> None:
        self.code = code
        self.status, words = CODES[code]
        super().__init__(words.format(detail=detail))

    def as_json(self) -> dict[str, object]:
        """The body of the answer."""
        return error_body(self.status, self.code, str(self))


def error_body(status: int, code: int, message: str) -> dict[str, object]:
    """Twilio's error object."""
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
