(sum(spent.prompt_tokens) * ${input_price} + sum(spent.completion_tokens) * ${output_price}) / 1e6
