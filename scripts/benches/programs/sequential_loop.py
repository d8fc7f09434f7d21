"""The plain form of a bot on Spark: `foreachBatch` over `toPandas()`, message after message, one append at the end.

A thread polls Telegram into a folder, without the care that ours takes. Spark has the same settings as in our run, and
both clients keep their connections: only the form differs.
"""

from __future__ import annotations

import json
import os
import threading
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import openai
import requests

from pipeline.model.request import instructions
from pipeline.platform.local_spark import session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_COLUMNS = "update_id bigint, chat_id bigint, message_id bigint, text string"
_API = f"{os.environ.get('TELEGRAM_API_URL')}/bot{os.environ.get('TELEGRAM_BOT_TOKEN')}"


def poll(landing: Path) -> None:
    """Write each poll's messages to a file, for ever."""
    polls, offset = requests.Session(), 0
    for number in count():
        asked = {"offset": offset, "timeout": 50}
        updates = polls.post(f"{_API}/getUpdates", json=asked, timeout=70).json()["result"]
        if not updates:
            continue
        rows = [
            {
                "update_id": update["update_id"],
                "chat_id": update["message"]["chat"]["id"],
                "message_id": update["message"]["message_id"],
                "text": update["message"]["text"],
            }
            for update in updates
        ]
        unfinished = landing / f".{number}"
        unfinished.write_text("\n".join(map(json.dumps, rows)))
        unfinished.rename(landing / f"{number}.json")
        offset = updates[-1]["update_id"] + 1


def main(storage: Path) -> None:
    landing = storage / "landing"
    landing.mkdir(parents=True)
    spark = session("local[*]", storage / "logs", landing=landing)
    threading.Thread(target=poll, args=(landing,), daemon=True).start()
    model, telegram, prompt = openai.OpenAI(), requests.Session(), instructions()

    def answer(batch: DataFrame, _: int) -> None:
        rows = []
        for row in batch.toPandas().sort_values("update_id").itertuples():
            completion = model.chat.completions.create(
                model=os.environ["PIPELINE_MODEL"],
                messages=[{"role": "system", "content": prompt}, {"role": "user", "content": str(row.text)}],
            )
            said = completion.choices[0].message.content
            to = {"message_id": row.message_id, "allow_sending_without_reply": True}
            sent = {"chat_id": row.chat_id, "text": said, "reply_parameters": to}
            telegram.post(f"{_API}/sendMessage", json=sent, timeout=30).raise_for_status()
            rows.append((row.update_id, row.chat_id, row.message_id, row.text, said))
        answered = spark.createDataFrame(rows, f"{_COLUMNS}, answer string")
        answered.write.format("delta").mode("append").save(str(storage / "answers"))

    landed = spark.readStream.schema(_COLUMNS).json(str(landing))
    written = landed.writeStream.foreachBatch(answer).option("checkpointLocation", str(storage / "checkpoint"))
    written.start().awaitTermination()


if __name__ == "__main__":
    main(Path(os.environ["PIPELINE_STORAGE"]))
