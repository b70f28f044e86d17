// Calls by the providers' own SDKs: see t/37-sdk.t.
//
//     node run.js DIR PORT
//
// DIR has a node_modules with some of openai, @anthropic-ai/sdk,
// @google/genai, ollama, cohere-ai and @aws-sdk/client-bedrock-runtime.
// Prints a line of JSON a case: { name, got }.

'use strict';

const { createRequire } = require('module');
const path = require('path');

const dir = path.resolve(process.argv[2]);
const base = 'http://127.0.0.1:' + process.argv[3];
const load = createRequire(path.join(dir, 'x.js'));

function sdk(name) {
    try {
        return load(name);
    } catch (e) {
        return null;
    }
}

function say(name, got) {
    console.log(JSON.stringify({ name, got }));
}

async function run(name, f) {
    const began = process.hrtime.bigint();
    let got;

    try {
        got = { value: await f() };
    } catch (e) {
        got = { error: e.constructor.name, name: e.name, status: e.status ??
                e.statusCode ?? e.status_code ??
                e.$metadata?.httpStatusCode ?? null,
                code: e.code ?? null, type: e.type ?? null,
                message: String(e.message).slice(0, 400) };
    }

    got.seconds = Number(process.hrtime.bigint() - began) / 1e9;
    say(name, got);
}

const hi = [{ role: 'user', content: 'Hi' }];


async function openai(OpenAI) {
    const at = (where, retries) => new OpenAI({
        apiKey: 'sk-test', baseURL: base + where + '/v1',
        maxRetries: retries ?? 0 });
    const model = 'gpt-demo';
    const chat = { model, messages: hi };

    const text = async (stream) => {
        let s = '', usage = null, empty = 0;

        for await (const c of stream) {
            s += c.choices[0]?.delta?.content ?? '';
            empty += c.choices.length === 0;
            usage = c.usage ?? usage;
        }

        return { text: s, usage: usage && usage.prompt_tokens, empty };
    };

    await run('openai chat', async () => {
        const r = await at('/plain').chat.completions.create(chat);
        return { text: r.choices[0].message.content,
                 usage: r.usage.prompt_tokens };
    });
    await run('openai stream', async () => text(
        await at('/plain').chat.completions.create(
            { ...chat, stream: true })));
    await run('openai stream, usage hidden', async () => text(
        await at('/usage').chat.completions.create(
            { ...chat, stream: true })));
    await run('openai stream, usage shown', async () => text(
        await at('/usage').chat.completions.create(
            { ...chat, stream: true,
              stream_options: { include_usage: true } })));
    await run('openai completions', async () => {
        const r = await at('/plain').completions.create(
            { model, prompt: 'Hi' });
        return { text: r.choices[0].text };
    });
    await run('openai responses', async () => {
        const r = await at('/plain').responses.create({ model, input: 'Hi' });
        return { text: r.output_text, usage: r.usage.input_tokens };
    });
    await run('openai responses stream', async () => {
        let s = '';
        for await (const e of await at('/plain').responses.create(
            { model, input: 'Hi', stream: true }))
        {
            s += e.type === 'response.output_text.delta' ? e.delta : '';
        }
        return { text: s };
    });
    await run('openai embeddings', async () => {
        const r = await at('/plain').embeddings.create(
            { model, input: 'Hi', encoding_format: 'float' });
        return { usage: r.usage.prompt_tokens };
    });

    await run('openai limit, first', async () => {
        await at('/limit').chat.completions.create(chat);
        return {};
    });
    await run('openai limit', async () =>
        at('/limit').chat.completions.create(chat));
    await run('openai limit, stream', async () =>
        at('/limit').chat.completions.create({ ...chat, stream: true }));
    await run('openai limit, retried', async () => {
        const r = await at('/limit', 2).chat.completions.create(chat);
        return { text: r.choices[0].message.content };
    });
    await run('openai budget', async () =>
        at('/budget', 3).chat.completions.create(chat));
    await run('openai budget, responses', async () =>
        at('/budget', 3).responses.create({ model, input: 'Hi' }));
    await run('openai models', async () =>
        at('/listed', 3).chat.completions.create(chat));
    await run('openai encoded', async () =>
        at('/listed', 3).chat.completions.create(chat,
            { headers: { 'Content-Encoding': 'gzip' } }));
    await run('openai event', async () => text(
        await at('/event').chat.completions.create(
            { ...chat, stream: true })));
    await run('openai event, completions', async () => {
        let s = '';
        for await (const e of await at('/event').completions.create(
            { model, prompt: 'Hi', stream: true }))
        {
            s += e.choices[0]?.text ?? '';
        }
        return { text: s };
    });
    await run('openai event, responses', async () => {
        for await (const e of await at('/event').responses.create(
            { model, input: 'Hi', stream: true })) { /* to the end */ }
        return {};
    });
}


async function anthropic(Anthropic) {
    const at = (where, retries) => new Anthropic({
        apiKey: 'sk-test', baseURL: base + where, maxRetries: retries ?? 0 });
    const call = { model: 'claude-demo', max_tokens: 64, messages: hi };

    await run('anthropic messages', async () => {
        const r = await at('/plain').messages.create(call);
        return { text: r.content[0].text, usage: r.usage.input_tokens };
    });
    await run('anthropic stream', async () => {
        const r = await at('/plain').messages.stream(call).finalMessage();
        return { text: r.content[0].text, usage: r.usage.input_tokens };
    });
    await run('anthropic limit, first', async () => {
        await at('/limit-a').messages.create(call);
        return {};
    });
    await run('anthropic limit', async () =>
        at('/limit-a').messages.create(call));
    await run('anthropic limit, retried', async () => {
        const r = await at('/limit-a', 2).messages.create(call);
        return { text: r.content[0].text };
    });
    await run('anthropic budget', async () =>
        at('/budget', 3).messages.create(call));
    await run('anthropic models', async () =>
        at('/listed', 3).messages.create(call));
    await run('anthropic event', async () =>
        at('/event').messages.stream(call).finalMessage());
}


async function gemini({ GoogleGenAI }) {
    const at = (where) => new GoogleGenAI({
        apiKey: 'test', httpOptions: { baseUrl: base + where } });
    const call = { model: 'gemini-demo', contents: 'Hi' };

    const text = async (stream) => {
        let s = '', usage = null;

        for await (const c of stream) {
            s += c.text ?? '';
            usage = c.usageMetadata?.promptTokenCount ?? usage;
        }

        return { text: s, usage };
    };

    await run('gemini generate', async () => {
        const r = await at('/plain').models.generateContent(call);
        return { text: r.text, usage: r.usageMetadata.promptTokenCount };
    });
    await run('gemini stream', async () => text(
        await at('/plain').models.generateContentStream(call)));
    await run('gemini limit, first', async () => {
        await at('/limit-g').models.generateContent(call);
        return {};
    });
    await run('gemini limit', async () =>
        at('/limit-g').models.generateContent(call));
    await run('gemini limit, stream', async () => text(
        await at('/limit-g').models.generateContentStream(call)));
    await run('gemini budget', async () =>
        at('/budget').models.generateContent(call));
    await run('gemini models', async () =>
        at('/listed').models.generateContent(call));
    await run('gemini event', async () => text(
        await at('/event').models.generateContentStream(call)));
}


async function others() {
    const ollama = sdk('ollama');
    const cohere = sdk('cohere-ai');
    const aws = sdk('@aws-sdk/client-bedrock-runtime');
    const http = sdk('@smithy/node-http-handler');

    if (ollama) {
        const at = (where) => new ollama.Ollama({ host: base + where });
        await run('ollama budget', async () =>
            at('/budget').chat({ model: 'm', messages: hi }));
        await run('ollama models', async () =>
            at('/listed').chat({ model: 'm', messages: hi }));
        await run('ollama event', async () => {
            for await (const c of await at('/event').chat(
                { model: 'm', messages: hi, stream: true })) { /* all */ }
            return {};
        });
    }

    if (cohere) {
        const at = (where) => new cohere.CohereClientV2({
            token: 'test', environment: base + where,
            baseUrl: base + where });
        await run('cohere models', async () =>
            at('/listed').chat({ model: 'm', messages: hi },
                               { maxRetries: 0 }));
        await run('cohere budget', async () =>
            at('/budget').chat({ model: 'm', messages: hi },
                               { maxRetries: 0 }));
    }

    if (aws) {
        const at = (where, attempts) => new aws.BedrockRuntimeClient({
            region: 'us-east-1', endpoint: base + where,
            credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
            maxAttempts: attempts,
            requestHandler: http && new http.NodeHttpHandler() });
        const call = { modelId: 'anthropic.demo-v1:0',
                       messages: [{ role: 'user',
                                    content: [{ text: 'Hi' }] }] };
        await run('bedrock budget', async () =>
            at('/budget', 3).send(new aws.ConverseCommand(call)));
        await run('bedrock models', async () =>
            at('/listed', 3).send(new aws.ConverseCommand(call)));
        await run('bedrock limit', async () =>
            at('/limit-b', 1).send(new aws.ConverseCommand(call)));
        await run('bedrock event', async () => {
            const r = await at('/event', 1).send(
                new aws.ConverseStreamCommand(call));
            for await (const c of r.stream) { /* all */ }
            return {};
        });
    }
}


(async () => {
    const all = [['openai', openai, (m) => m.default ?? m],
                 ['@anthropic-ai/sdk', anthropic, (m) => m.default ?? m],
                 ['@google/genai', gemini, (m) => m]];

    for (const [name, f, of] of all) {
        const module = sdk(name);

        if (module) {
            await f(of(module));

        } else {
            say('absent', name);
        }
    }

    await others();
})();
