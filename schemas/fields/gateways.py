"""What gateways say of themselves."""

from schemas.fields.keywords import Structs, field

FIELDS: Structs = {
    "GatewayAtWork": {
        "gateway_id": field("Its UB_GATEWAY_ID."),
        "at": field("When it was at work, by its clock: milliseconds since the epoch, UTC."),
        "unconfirmed_s": field(
            "For how many seconds Kafka has confirmed nothing on the partition where the oldest record waits for "
            "it; 0: none waits."
        ),
    },
}
